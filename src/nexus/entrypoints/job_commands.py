"""`nexus jobs`: all jobs of a server, for whoever operates it, straight from its database."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar

import typer

from nexus.platform.cli import (
    Csv,
    Json,
    fail,
    group,
    output,
    plain,
    print_json,
    print_table,
    since,
)
from nexus.platform.facts import print_facts

T = TypeVar("T")

JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id, as 'jobs list' shows it.")]
DatabaseUrl = Annotated[
    str | None, typer.Option("--database", help="As for 'nexus serve'; from the settings if left.")
]

app = group("jobs", "Look after all jobs of a server, from its database. See also 'nexus job'.")


@app.command("list")
def list_jobs(
    state: Annotated[
        list[str] | None,
        typer.Option(help="waiting, delayed, running, done, failed, cancelled (repeatable)."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Such as imports.carry_out.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    database: DatabaseUrl = None,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List jobs of all workspaces, the newest first.

    \b
    Examples:
      nexus jobs list --state failed
      nexus jobs list --name imports.carry_out --json
    """
    from nexus.platform.jobs.store import JobState  # noqa: PLC0415 - user commands stay quick

    known = [one.value for one in JobState]
    if wrong := [one for one in state or () if one not in known]:
        fail(f"{wrong[0]!r} is no state of a job. There are: {', '.join(known)}.", 6)
    wanted = [JobState(one) for one in state or ()]
    found = _asked(database, lambda store: store.list_jobs(states=wanted, name=name, limit=limit))
    if as_json:
        print_json(found)
        return
    print_table(
        ["ID", "NAME", "STATE", "MADE", "ATTEMPTS", "ERROR"],
        [
            (
                one.id,
                one.name,
                one.state.value,
                since(one.created_at.isoformat()),
                str(one.attempts),
                plain(one.error or ""),
            )
            for one in found
        ],
        empty="No job is like that. Jobs are forgotten a week after their end.",
        as_csv=as_csv,
    )


@app.command("show")
def show_job(job: JobId, database: DatabaseUrl = None, as_json: Json = False) -> None:
    """Show a job and the steps that it has done.

    \b
    Examples:
      nexus jobs show ws/0195.../imports.carry_out:0195...
    """
    found = _asked(database, lambda store: store.find(job))
    if found is None:
        fail(f"There is no job '{job}'. Jobs are forgotten a week after their end.", 4)
    one, steps = found
    if as_json:
        print_json({"job": one, "steps": steps})
        return
    print_facts(
        {
            "Job": one.name,
            "State": one.state.value,
            "Error": plain(one.error or ""),
            "Made": _moment(one.created_at),
            "Started": _moment(one.started_at),
            "Ended": _moment(one.ended_at),
            "Attempts": str(one.attempts),
            "Arguments": " ".join(str(argument) for argument in one.arguments),
            "Steps": ", ".join(f"{s.name} (failed)" if s.error else s.name for s in steps),
        }
    )


@app.command("retry")
def retry_job(job: JobId, database: DatabaseUrl = None, as_json: Json = False) -> None:
    """Run a job again that failed or was cancelled, behind the steps that were done.

    \b
    Examples:
      nexus jobs retry ws/0195.../imports.carry_out:0195...
    """
    _changed(database, job, lambda store: store.retry(job), ends={"failed", "cancelled"})
    print_json({"retried": job}) if as_json else output().print("It runs again.")


@app.command("cancel")
def cancel_job(job: JobId, database: DatabaseUrl = None, as_json: Json = False) -> None:
    """Stop a job at its next step.

    \b
    Examples:
      nexus jobs cancel ws/0195.../imports.carry_out:0195...
    """
    _changed(database, job, lambda store: store.cancel(job), ends={"waiting", "delayed", "running"})
    print_json({"cancelled": job}) if as_json else output().print("Cancelled.")


@app.command("schedules")
def list_schedules(
    database: DatabaseUrl = None, as_csv: Csv = False, as_json: Json = False
) -> None:
    """List what runs on a schedule, in UTC, and when it ran last.

    \b
    Examples:
      nexus jobs schedules
    """
    found = _asked(database, lambda store: store.list_schedules())
    if as_json:
        print_json(found)
        return
    print_table(
        ["JOB", "SCHEDULE", "LAST RUN"],
        [(one.job, one.cron, _moment(one.last_run_at)) for one in found],
        empty="No schedule is known yet: a worker writes them down when it starts.",
        as_csv=as_csv,
    )


def _changed(
    database: str | None, job: str, change: Callable[[Any], Awaitable[None]], *, ends: set[str]
) -> None:
    """Change a job in one of these states; say why not otherwise."""

    async def act(store: Any) -> str | None:
        found = await store.find(job)
        if found is None:
            return ""
        if found[0].state.value not in ends:
            return str(found[0].state.value)
        await change(store)
        return None

    state = _asked(database, act)
    if state == "":
        fail(f"There is no job '{job}'. Jobs are forgotten a week after their end.", 4)
    if state:
        fail(f"The job is {state}; this is for jobs that are {' or '.join(sorted(ends))}.", 5)


def _asked(database: str | None, ask: Callable[[Any], Awaitable[T]]) -> T:
    """What a job store says; ends the command where its database is away."""
    from nexus.entrypoints.operating import settings_of  # noqa: PLC0415
    from nexus.entrypoints.processes import direct_url, unusable  # noqa: PLC0415
    from nexus.platform.database import DATABASE_FAILURES  # noqa: PLC0415
    from nexus.platform.jobs.store import JobStore  # noqa: PLC0415

    url = direct_url(settings_of(database=database))
    if url.is_sqlite and not url.file.exists():
        fail(f"There is no database at {url.file}. Say where it is with --database.", 4)
    store = JobStore(url)
    try:
        return asyncio.run(_awaited(ask(store)))
    except DATABASE_FAILURES as error:
        fail(unusable(error), 7)
    finally:
        store.close()


async def _awaited(answer: Awaitable[T]) -> T:
    return await answer


def _moment(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""
