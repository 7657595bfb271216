"""What commands for operators share: the settings, in the end from flags."""

from typing import Any

from nexus.platform.cli import fail


def settings_of(
    *, host: str | None = None, port: int | None = None, database: str | None = None
) -> Any:
    """The settings, with what flags say in them; ends the command where they are wrong."""
    from pydantic import ValidationError  # noqa: PLC0415 - user commands stay quick

    from nexus.platform.database_url import DatabaseUrlNotUnderstood, understand_url  # noqa: PLC0415
    from nexus.platform.settings import Settings  # noqa: PLC0415

    flags: dict[str, Any] = {}
    if database:
        flags["database"] = {"url": database}
    if host or port is not None:
        given = {"host": host, "port": port}
        flags["http"] = {name: value for name, value in given.items() if value is not None}
    try:
        settings = Settings(**flags)
        understand_url(settings.database.url.get_secret_value())
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()
        )
        fail(f"The settings are wrong: {wrong}. See docs/reference/settings.md.", 6)
    except DatabaseUrlNotUnderstood as error:
        fail(str(error), 6)
    return settings
