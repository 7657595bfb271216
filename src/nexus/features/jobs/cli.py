"""The jobs of a workspace on the command line, for its admins."""

from typing import Annotated

import typer

from nexus.platform.cli import (
    Csv,
    Cursor,
    Json,
    Limit,
    client,
    group,
    output,
    plain,
    print_json,
    print_more,
    print_table,
    since,
)
from nexus.platform.facts import print_facts

JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id, as 'job list' shows it.")]

app = group("job", "Look after the jobs of the workspace: imports and all that runs later.")


@app.command("list")
def list_jobs(
    state: Annotated[
        list[str] | None,
        typer.Option(help="waiting, delayed, running, done, failed, cancelled (repeatable)."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Such as imports.carry_out.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List jobs, the newest first.

    \b
    Examples:
      nexus job list --state failed
      nexus job list --name imports.carry_out --json
    """
    page = client().list_jobs(state=state, name=name, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(
        ["ID", "STATE", "MADE", "ATTEMPTS", "ERROR"],
        [
            (one.id, one.state, since(one.created_at), str(one.attempts), plain(one.error or ""))
            for one in page.items
        ],
        empty="No job is like that. Jobs are forgotten a week after their end.",
        as_csv=as_csv,
    )
    print_more(page.next_cursor)


@app.command("get")
def get_job(job: JobId, as_json: Json = False) -> None:
    """Show a job and the steps that it has done.

    \b
    Examples:
      nexus job get imports.carry_out:0195...
    """
    found = client().get_job(job)
    if as_json:
        print_json(found)
        return
    one = found.job
    print_facts(
        {
            "Job": one.name,
            "State": one.state,
            "Error": plain(one.error or ""),
            "Made": one.created_at,
            "Started": one.started_at or "",
            "Ended": one.ended_at or "",
            "Attempts": str(one.attempts),
            "Arguments": " ".join(one.arguments),
            "Steps": ", ".join(
                f"{step.name} (failed)" if step.error else step.name for step in found.steps
            ),
        }
    )


@app.command("retry")
def retry_job(job: JobId, as_json: Json = False) -> None:
    """Run a job again that failed or was cancelled, behind the steps that were done.

    \b
    Examples:
      nexus job retry imports.carry_out:0195...
    """
    found = client().retry_job(job)
    print_json(found) if as_json else output().print(f"The job is {found.state}.")


@app.command("cancel")
def cancel_job(job: JobId, as_json: Json = False) -> None:
    """Stop a job at its next step.

    \b
    Examples:
      nexus job cancel imports.carry_out:0195...
    """
    client().cancel_job(job)
    print_json({"cancelled": job}) if as_json else output().print("Cancelled.")
