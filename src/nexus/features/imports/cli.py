"""Imports on the command line."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from nexus.platform.cli import (
    Csv,
    Cursor,
    Json,
    Limit,
    client,
    fail,
    group,
    messages,
    output,
    plain,
    print_json,
    print_more,
    print_table,
    progress_bar,
    since,
)
from nexus.platform.files import written_whole
from nexus_client import models
from nexus_client.client import NexusClient

NOTES_SHOWN = 10
POLL_S = 0.2
TRANSFER_TIMEOUT_S = 600.0  # the server reads or writes a large file to its end before it answers
BACKUP_TABLES = ("issues", "dependencies", "labels", "comments")

app = group("imports", "Look at imports and what became of their records.")


def import_backlog(
    file: Path,
    *,
    project: str | None,
    source: str | None,
    mapping: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send a file, wait until it has come in, and say what became of it."""
    api = client(TRANSFER_TIMEOUT_S)
    is_report = "complexity-report" in file.name
    started = api.create_import(
        _content(file),
        source=source or (None if is_report else _source_of(file)),
        file_name=file.name,
        project=project.upper() if project else None,
        mapping=mapping.read_text() if mapping else None,
        dry_run=dry_run or None,
    )
    ended = _watched(api, started)
    if as_json:
        print_json(ended)
    if ended.error:
        fail(ended.error, 6)
    if not as_json:
        _print_report(api, ended)


def export_backlog(
    format_name: str, *, projects: Sequence[str], source: str | None, to: Path | None
) -> None:
    """Write tasks to a file, or to standard output."""
    api = client(TRANSFER_TIMEOUT_S)
    with api.export_tasks(
        format=format_name, project=[one.upper() for one in projects], source=source
    ) as download:
        if to is None:
            for piece in download.pieces:
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
        else:
            with written_whole(to) as file, progress_bar() as bar:
                task = bar.add_task(f"Exporting to {plain(to.name)}", total=download.size)
                for piece in download.pieces:
                    file.write(piece)
                    bar.advance(task, len(piece))
            messages().print(f"Wrote {plain(str(to))}.")
        if download.left_out:
            messages().print(
                f"{download.left_out} dependencies lead to other lists and have no place in it."
            )


@app.command("list")
def list_imports(
    limit: Limit = 20, cursor: Cursor = None, as_csv: Csv = False, as_json: Json = False
) -> None:
    """List imports, the newest first.

    \b
    Examples:
      nexus imports list
    """
    page = client().list_imports(limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(
        ["ID", "FILE", "FORMAT", "STATE", "CREATED", "UPDATED", "UNCHANGED", "SET ASIDE", "WHEN"],
        [
            (
                one.id,
                plain(one.file_name),
                one.format + (" (dry run)" if one.is_dry_run else ""),
                one.state,
                str(one.report.created),
                str(one.report.updated),
                str(one.report.unchanged),
                str(one.report.set_aside),
                since(one.created_at),
            )
            for one in page.items
        ],
        empty="Nothing was imported yet. 'nexus import FILE' imports a backlog.",
        as_csv=as_csv,
    )
    print_more(page.next_cursor)


@app.command("get")
def get_import(
    import_id: Annotated[str, typer.Argument(metavar="IMPORT", help="The import's id.")],
    as_json: Json = False,
) -> None:
    """Show an import with its report.

    \b
    Examples:
      nexus imports get 0199e7a0-...
    """
    api = client()
    found = api.get_import(import_id)
    print_json(found) if as_json else _print_report(api, found)


@app.command("records")
def list_import_records(
    import_id: Annotated[str, typer.Argument(metavar="IMPORT", help="The import's id.")],
    outcome: Annotated[
        list[str] | None, typer.Option(help="created updated unchanged set_aside (repeatable)")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List what became of each record of an import.

    \b
    Examples:
      nexus imports records 0199e7a0-... --outcome set_aside
    """
    page = client().list_import_records(import_id, outcome=outcome, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(
        ["RECORD", "OUTCOME", "KEY", "TITLE"],
        [
            (
                plain(f"{one.list}/{one.external_id}"),
                one.outcome,
                one.key or "",
                plain(" ".join(note.message for note in one.notes)),
            )
            for one in page.items
        ],
        empty="There is no such record.",
        as_csv=as_csv,
    )
    print_more(page.next_cursor)


def _content(file: Path) -> bytes:
    """The file's bytes; of a folder those of the tables that stand in it, one after the other."""
    if file.is_file():
        return file.read_bytes()
    parts = [file / f"{name}.jsonl" for name in BACKUP_TABLES]
    found = [part.read_bytes() for part in parts if part.is_file()]
    if not found:
        fail(f"There is no issues.jsonl in {file}.", 6)
    return b"\n".join(found)


def _watched(api: NexusClient, started: models.ImportOut) -> models.ImportOut:
    """Wait for the end, with a bar of what is done."""
    one = started
    with progress_bar() as progress:
        bar = progress.add_task(f"Importing {plain(one.file_name)}", total=one.records * 2)
        while one.state in {"queued", "running"}:
            time.sleep(POLL_S)
            one = api.get_import(one.id)
            before = 0 if one.phase == "tasks" else one.records
            progress.update(bar, completed=before + one.position)
    return one


def _print_report(api: NexusClient, one: models.ImportOut) -> None:
    report = one.report
    print_table(
        ["LIST", "PROJECT", "TASKS", "SUBTASKS", "DEPENDENCIES"],
        [
            (
                plain(part.name),
                part.project,
                str(part.tasks),
                str(part.subtasks),
                str(part.dependencies),
            )
            for part in report.lists
        ],
        empty="",
    )
    console = output()
    would = "would be " if one.is_dry_run else ""
    console.print(
        f"{report.created} {would}created, {report.updated} {would}updated, "
        f"{report.unchanged} unchanged, {report.set_aside} set aside."
    )
    for mapped, count in sorted(report.mapped.items()):
        console.print(f"  {count} x {plain(mapped)}")
    if report.notes:
        codes = ", ".join(f"{count} x {code}" for code, count in sorted(report.notes.items()))
        console.print(f"Notes: {codes}. Some of them:")
    for record in _noted(api, one):
        for note in record.notes:
            console.print(
                f"  {plain(f'{record.list}/{record.external_id}')}: {plain(note.message)}"
            )
    if sum(report.notes.values()) > NOTES_SHOWN:
        console.print(f"All: nexus imports records {one.id}")


def _noted(api: NexusClient, one: models.ImportOut) -> list[models.ImportRecordOut]:
    if not one.report.notes:
        return []
    page = api.list_import_records(one.id, noted=True, limit=NOTES_SHOWN)
    return page.items


def _source_of(file: Path) -> str:
    """The repository's address and the path in it, where there is one; else the full path."""
    folder = file.resolve().parent
    remote = _git(folder, "remote", "get-url", "origin")
    top = _git(folder, "rev-parse", "--show-toplevel")
    if remote and top:
        return f"{remote}#{file.resolve().relative_to(Path(top).resolve())}"[-500:]
    return str(file.resolve())[-500:]


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        found = subprocess.run(  # noqa: S603 - fixed arguments, no shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return None
    return found.stdout.strip() or None if found.returncode == 0 else None
