"""Backlogs in and out of files. Those of other tools go over HTTP; archives of a workspace are for
operators, and are read and written in this process."""

import asyncio
import gzip
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from nexus.entrypoints.operating import settings_of
from nexus.features.imports.cli import export_backlog, import_backlog
from nexus.platform.cli import Json, fail, messages, output, plain, print_json, progress_bar
from nexus.platform.files import written_whole

DatabaseOption = Annotated[
    str | None,
    typer.Option(
        help="Of an archive: sqlite:///path or postgresql://user:password@host/name; else as the "
        "server's settings say."
    ),
]


_ARCHIVE = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"table"\s*:\s*"archive"')


class FileFormat(StrEnum):
    TASKMASTER = "taskmaster"
    BEADS = "beads"
    CSV = "csv"
    ARCHIVE = "archive"


def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            exists=True, help="The backlog file, a folder such as .beads/backup, or an archive."
        ),
    ],
    *,
    project: Annotated[
        str | None,
        typer.Option("--project", "-p", help="Into this project; else each list gets its own."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="A name for where the file comes from, if it moves about."),
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="For CSV: which column is what, as JSON."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would happen; write nothing.")
    ] = False,
    database: DatabaseOption = None,
    as_json: Json = False,
) -> None:
    """Import a backlog: Task Master, Beads or CSV; or restore an archive of a workspace.

    What was imported before from the same source is merged, field by field: what changed there
    comes in, what people changed here stays. A file that is no backlog is refused, and nothing is
    written. 'nexus imports records' shows what became of each record.

    An archive ('nexus export --format archive') is restored by an operator, into the database of
    the server's settings, which must not have that workspace.

    \b
    Examples:
      nexus import .taskmaster/tasks/tasks.json
      nexus import .taskmaster/reports/task-complexity-report.json
      nexus import .beads/issues.jsonl --dry-run
      nexus import .beads/backup
      nexus import jira.csv --mapping columns.json --project API
      nexus import home.jsonl.gz --database postgresql://nexus@db/nexus
    """
    if _is_archive(file):
        if project or source or mapping:
            fail("An archive is restored as it is: leave --project, --source and --mapping out.", 2)
        _restore(file, database, dry_run=dry_run, as_json=as_json)
        return
    if database:
        fail("--database is for archives; this file goes to the server of your profile.", 2)
    import_backlog(
        file, project=project, source=source, mapping=mapping, dry_run=dry_run, as_json=as_json
    )


def export_tasks(
    to: Annotated[
        Path | None,
        typer.Argument(help="The file to write; standard output if none is named.", dir_okay=False),
    ] = None,
    format_: Annotated[
        FileFormat, typer.Option("--format", "-f", help="How the file is written.")
    ] = FileFormat.TASKMASTER,
    project: Annotated[
        list[str] | None,
        typer.Option(
            "--project",
            "-p",
            help="The tasks of this project (repeatable). Else of those that the imported file "
            "went into; of all, if there was none.",
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="Follow the file that was imported from there; the newest unless said."),
    ] = None,
    workspace: Annotated[
        str | None,
        typer.Option(help="Of an archive: the workspace, by name or id, where there are several."),
    ] = None,
    database: DatabaseOption = None,
) -> None:
    """Export tasks to a file of Task Master, Beads or a spreadsheet; or a workspace to an archive.

    A file that was imported and not touched comes back as it was, byte for byte; where something
    was changed since, that alone differs.

    An archive is all of a workspace, in lines of JSON: 'nexus import' restores it on any server,
    whatever its database. Sessions, keys and other secrets are not in it. It is written by an
    operator, from the database of the server's settings, while the server runs. A name that ends
    in .gz packs it.

    \b
    Examples:
      nexus export tasks.json
      nexus export --format beads --project API > issues.jsonl
      nexus export --format csv backlog.csv
      nexus export --format archive home.jsonl.gz
    """
    if format_ is FileFormat.ARCHIVE:
        if project or source:
            fail("An archive is all of a workspace: leave --project and --source out.", 2)
        _archive(to, workspace, database)
        return
    if workspace or database:
        fail("--workspace and --database are for archives.", 2)
    export_backlog(format_.value, projects=project or (), source=source, to=to)


def _is_archive(file: Path) -> bool:
    if not file.is_file():
        return False
    with file.open("rb") as start:
        head = start.read(4096)
    return head.startswith(b"\x1f\x8b") or bool(_ARCHIVE.match(head))


@contextmanager
def _operating(database: str | None, *, migrating: bool = False) -> Generator[tuple[Any, Any]]:
    """The archives module and the database's URL, with what can go wrong as a sentence."""
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    from nexus.entrypoints import archives  # noqa: PLC0415 - user commands stay quick
    from nexus.entrypoints.processes import (  # noqa: PLC0415
        CannotServe,
        direct_url,
        fitting,
        unusable,
    )

    settings = settings_of(database=database)
    try:
        asyncio.run(fitting(settings, migrating=migrating))
        yield archives, direct_url(settings)
    except (archives.ArchiveRefused, CannotServe) as error:
        fail(str(error), 6)
    except SQLAlchemyError as error:
        fail(unusable(error), 7)
    except OSError as error:
        fail(f"The file cannot be read or written: {error.strerror or error}.", 7)


def _archive(to: Path | None, workspace: str | None, database: str | None) -> None:
    with _operating(database) as (archives, url), archives.connected(url) as connection:
        workspace_id = archives.find_workspace(connection, workspace)
        total = archives.count_rows(connection, workspace_id)
        with _opened(to) as file, progress_bar() as progress:
            bar = progress.add_task("Writing the archive", total=total)
            contents = archives.write_archive(
                connection, workspace_id, file, partial(progress.advance, bar)
            )
    where = f" to {plain(str(to))}" if to else ""
    messages().print(f"Wrote {contents.rows.total()} rows of {plain(contents.workspace)}{where}.")


def _restore(file: Path, database: str | None, *, dry_run: bool, as_json: bool) -> None:
    with (
        _operating(database, migrating=not dry_run) as (archives, url),
        archives.opened(file) as lines,
        progress_bar() as progress,
    ):
        total = None if archives.is_packed(file) else file.stat().st_size
        bar = progress.add_task("Restoring the archive", total=total)
        with archives.connected(url, for_writing=True) as connection:
            contents = archives.restore_archive(connection, lines, partial(progress.advance, bar))
            if dry_run:
                connection.rollback()
    if as_json:
        print_json(contents)
        return
    would = "would be" if dry_run else "are"
    output().print(
        f"{contents.rows.total()} rows of {plain(contents.workspace)} {would} restored: "
        f"{contents.rows['tasks']} tasks, {contents.rows['events']} events."
    )
    if contents.without_password:
        output().print(
            "These people have no password on this server yet: "
            f"{plain(', '.join(contents.without_password))}. 'nexus password EMAIL' gives one."
        )


@contextmanager
def _opened(to: Path | None) -> Generator[IO[bytes]]:
    if to is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with written_whole(to) as file:
        if to.suffix == ".gz":
            with gzip.open(file, "wb", compresslevel=6) as packed:
                yield packed  # pyright: ignore[reportReturnType] - a file all the same
        else:
            yield file
