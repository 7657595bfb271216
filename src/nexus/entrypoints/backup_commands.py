"""`nexus backup`, `nexus restore` and `nexus password`: for whoever operates a server."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from nexus.entrypoints.operating import settings_of
from nexus.platform.cli import Json, fail, messages, output, plain, print_json

DatabaseOption = Annotated[
    str | None,
    typer.Option("--database", help="As for 'nexus serve'; from the settings if left."),
]


def backup(
    to: Annotated[
        Path | None,
        typer.Argument(
            help="The file to write. Else it is named for the time, in the folder of the settings, "
            "where only the newest stay.",
            dir_okay=False,
        ),
    ] = None,
    database: DatabaseOption = None,
    as_json: Json = False,
) -> None:
    """Back up the whole server: all workspaces with their secrets, and its jobs.

    The server goes on meanwhile. On SQLite a backup is a database; on PostgreSQL it is a dump by
    pg_dump, which must be installed. NEXUS_BACKUP__HOUR=3 has the server do it once a day.

    \b
    Examples:
      nexus backup
      nexus backup /mnt/safe/nexus.db
    """
    from nexus.entrypoints.processes import backup_plan  # noqa: PLC0415 - user commands stay quick
    from nexus.platform.backups import write_backup  # noqa: PLC0415

    plan = backup_plan(settings_of(database=database))
    with _sentences(), messages().status("Backing up ..."):
        if to is None:
            taken = plan.carry_out()
            to, size = taken.path, taken.size
        else:
            write_backup(plan.url, to, plan.programs)
            size = to.stat().st_size
    if as_json:
        print_json({"path": str(to), "size": size})
    else:
        output().print(f"Wrote {plain(str(to))}, {size / 1e6:.1f} MB.")


def restore(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="What 'nexus backup' has written.")
    ],
    database: DatabaseOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    keeping: Annotated[
        bool,
        typer.Option(
            "--keep/--discard", help="Back up first what is there now, or do without that."
        ),
    ] = True,
) -> None:
    """Go back to a backup. Everything since is gone, so what is there now is backed up first.

    Stop the server and its workers before. Jobs that were running then go on from their last step,
    webhooks of that time may come twice, and keys that were revoked since are good again: see
    docs/guides/operating.md.

    \b
    Examples:
      nexus restore var/backups/nexus-20261121T030000Z.db
    """
    from nexus.entrypoints.processes import (  # noqa: PLC0415 - user commands stay quick
        CannotServe,
        backup_plan,
        holds_something,
        migrate_settings,
    )
    from nexus.platform.backups import check_kind, restore_backup, set_aside  # noqa: PLC0415

    settings = settings_of(database=database)
    plan = backup_plan(settings)
    with _sentences():
        check_kind(plan.url, file)
    if not yes:
        typer.confirm(f"Replace all that the database holds with {file}?", abort=True, err=True)
    with _sentences():
        if keeping and asyncio.run(holds_something(settings)):
            with messages().status("Backing up what is there now ..."):
                before = set_aside(plan.url, plan.folder, plan.programs)
            output().print(f"What was there is in {plain(str(before))}.")
        with messages().status("Restoring ..."):
            restore_backup(plan.url, file, plan.programs)
            try:
                migrate_settings(settings)
            except CannotServe as error:
                fail(str(error), 7)
    output().print("Restored. Start the server again.")


def password(
    email: Annotated[str, typer.Argument(help="Whose.")],
    database: DatabaseOption = None,
    as_json: Json = False,
) -> None:
    """Give somebody a new password, which is shown once, and end their sessions.

    For whoever has lost theirs, or came without one in an archive.

    \b
    Examples:
      nexus password ada@example.com
    """
    new = asyncio.run(_with_new_password(settings_of(database=database), email))
    if as_json:
        print_json({"email": email, "password": new})
    else:
        output().print(f"The new password of {plain(email)}: {new}")


async def _with_new_password(settings: Any, email: str) -> str:
    from nexus.entrypoints.first_start import new_password  # noqa: PLC0415
    from nexus.entrypoints.processes import CannotServe, opened  # noqa: PLC0415
    from nexus.features.identity.errors import UserNotFound  # noqa: PLC0415
    from nexus.features.identity.service import hash_password  # noqa: PLC0415
    from nexus.features.identity.wiring import password_reset  # noqa: PLC0415

    new = new_password()
    hashed = await hash_password(new)
    try:
        async with opened(settings, migrating=False) as database, database.system() as tx:
            await password_reset(tx).reset(email, hashed)
    except UserNotFound as error:
        fail(str(error), 4)
    except CannotServe as error:
        fail(str(error), 7)
    return new


@contextmanager
def _sentences() -> Generator[None]:
    """What can go wrong, as a sentence and an exit code."""
    from nexus.platform.backups import BackupFailed  # noqa: PLC0415

    try:
        yield
    except BackupFailed as error:
        fail(str(error), 7)
    except OSError as error:
        fail(f"The file cannot be read or written: {error}.", 7)
