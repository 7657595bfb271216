"""Errors to Sentry, where the settings name a DSN; sentry-sdk is imported then alone."""

from importlib.metadata import version
from typing import Any

from nexus.platform.logging import cleaned


class SentryNotInstalled(Exception):
    def __init__(self) -> None:
        super().__init__(
            "sentry.dsn is set, and sentry-sdk is not installed: "
            "pip install 'nexus-backlog[sentry]'."
        )


def start(dsn: str) -> None:
    """Report whatever is logged as an error from now on. Raises SentryNotInstalled."""
    try:
        import sentry_sdk  # noqa: PLC0415
        from sentry_sdk.integrations.logging import LoggingIntegration  # noqa: PLC0415
    except ImportError as error:
        raise SentryNotInstalled from error
    sentry_sdk.init(
        dsn=dsn,
        release=version("nexus-backlog"),
        send_default_pii=False,
        include_local_variables=False,  # they hold keys, passwords and what people wrote
        max_breadcrumbs=0,
        default_integrations=False,
        integrations=[LoggingIntegration(level=None)],
        before_send=lambda event, _hint: scrubbed(event),
    )


def stop() -> None:
    """Send what has not been sent yet."""
    import sentry_sdk  # noqa: PLC0415

    sentry_sdk.flush(timeout=2)
    sentry_sdk.get_client().close(timeout=0)


def scrubbed(event: Any) -> Any:
    """A report without what looks like a secret, and without the machine's name."""
    clean = cleaned(event)
    clean.pop("server_name", None)
    return clean
