"""Imports on the command line."""

import subprocess
import time
from pathlib import Path
from typing import Annotated

import typer

from nexus.platform.cli import (
    Json,
    client,
    fail,
    messages,
    output,
    plain,
    print_json,
    print_table,
)
from nexus_client import models

NOTES_SHOWN = 10
POLL_S = 0.2


def import_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The backlog file.")],
    project: Annotated[
        str | None,
        typer.Option("--project", "-p", help="Into this project; else each list gets its own."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="A name for where the file comes from, if it moves about."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Import a backlog: a Task Master tasks.json, tagged or legacy.

    What was imported before from the same source is left as it is. A file that is no backlog is
    refused, and nothing is written.

    \b
    Examples:
      nexus import .taskmaster/tasks/tasks.json
      nexus import tasks.json --project API
    """
    api = client()
    started = api.create_import(
        file.read_bytes(),
        source=source or _source_of(file),
        file_name=file.name,
        project=project.upper() if project else None,
    )
    with messages().status(f"Importing {file.name} ..."):
        while started.state == "queued":
            time.sleep(POLL_S)
            started = api.get_import(started.id)
    if as_json:
        print_json(started)
    if started.report is None:
        fail(started.error or "The import failed.", 6)
    if not as_json:
        _print_report(started.report)


def _print_report(report: models.ImportReportOut) -> None:
    print_table(
        ["LIST", "PROJECT", "TASKS", "SUBTASKS", "DEPENDENCIES"],
        [
            (plain(one.name), one.project, str(one.tasks), str(one.subtasks), str(one.dependencies))
            for one in report.lists
        ],
        empty="The file holds no list.",
    )
    console = output()
    console.print(f"{report.created} tasks came in.")
    if report.already_here:
        console.print(f"{report.already_here} were here already and stay as they are.")
    count = len(report.notes) + report.notes_left_out
    if count:
        console.print(f"{count} notes on what was changed or set aside:")
    for note in report.notes[:NOTES_SHOWN]:
        console.print(f"  {plain(note.record)}: {plain(note.message)}")
    if count > NOTES_SHOWN:
        console.print(f"  ... and {count - NOTES_SHOWN} more; --json shows all.")


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
