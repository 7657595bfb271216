"""Runs on the command line, for those who look on, answer and judge; holds and limits."""

import time
from typing import Annotated, Any, cast

import typer

from nexus.features.runs.printing import print_run
from nexus.platform.cli import (
    Csv,
    Cursor,
    Json,
    Limit,
    client,
    fail,
    output,
    plain,
    print_json,
    print_more,
    print_table,
    since,
)
from nexus.platform.finding import find_repository
from nexus_client import models

Run = Annotated[str, typer.Argument(metavar="RUN", help="Its id, as 'run list' shows it.")]
Question = Annotated[str, typer.Argument(metavar="QUESTION", help="Its id.")]
Task = Annotated[str, typer.Argument(metavar="TASK", help="Its key or id.")]
Reason = Annotated[str, typer.Option("--reason", "-m", help="Why, for others to read.")]

app = typer.Typer()
holds = typer.Typer()
agents = typer.Typer()


@app.command("list")
def list_runs(
    agent: Annotated[str | None, typer.Option(help="Handle, id or 'me'.")] = None,
    task: Annotated[str | None, typer.Option(help="Its key or id.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="Such as working.")] = None,
    project: Annotated[list[str] | None, typer.Option("--project", "-p", help="By key.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List runs, newest first.

    \b
    Examples:
      nexus run list --state working --state needs_input
      nexus run list --state submitted
      nexus run list --task API-42
    """
    page = client().list_runs(
        agent=agent, task=task, state=state, project=project, limit=limit, cursor=cursor
    )
    if as_json:
        print_json(page)
        return
    print_table(
        ["ID", "TASK", "BY", "STATE", "PROGRESS", "CLAIMED", "NOTE"],
        [
            (
                one.id,
                one.task,
                plain(one.holder.name),
                one.state,
                "" if one.progress is None else f"{one.progress} %",
                one.claimed_at if as_csv else since(one.claimed_at),
                plain(one.note or one.reason),
            )
            for one in page.items
        ],
        empty="There is no such run. 'nexus claim' begins one.",
        as_csv=as_csv,
    )
    print_more(page.next_cursor)


@app.command("get")
def get_run(run: Run, as_json: Json = False) -> None:
    """Show a run.

    \b
    Examples:
      nexus run get 0195...
    """
    found = client().get_run(run)
    print_json(found) if as_json else print_run(found)


@app.command("log")
def list_run_log(
    run: Run,
    after: Annotated[int, typer.Option(min=0, help="Lines after this number.")] = 0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends.")] = False,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """Read the lines of a run, to the end or for as long as it lasts.

    \b
    Examples:
      nexus run log 0195...
      nexus run log 0195... --follow
    """
    api = client()
    while True:
        page = api.list_run_log(run, after=after, limit=200)
        if as_json:
            print_json(page)
        elif as_csv:
            rows = [(str(one.number), one.kind, one.text, one.recorded_at) for one in page.items]
            print_table(["NUMBER", "KIND", "TEXT", "AT"], rows, empty="", as_csv=True)
        else:
            for one in page.items:
                output().print(plain(f"* {one.text}" if one.kind == "note" else one.text))
        after = page.items[-1].number if page.items else after
        if page.next_cursor is None and (not follow or not api.get_run(run).is_live):
            return
        if page.next_cursor is None:
            time.sleep(1)


@app.command("questions")
def list_run_questions(
    run: Run,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List what a run asked, and the answers.

    \b
    Examples:
      nexus run questions 0195...
    """
    page = client().list_run_questions(run, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(
        ["ID", "QUESTION", "OPTIONS", "ANSWER"],
        [
            (one.id, plain(one.text), plain(", ".join(one.options)), plain(one.answer or ""))
            for one in page.items
        ],
        empty="It asked nothing.",
        as_csv=as_csv,
    )
    print_more(page.next_cursor)


@app.command("question")
def get_run_question(
    run: Run,
    question: Question,
    wait: Annotated[float, typer.Option(min=0, max=60, help="Seconds to wait for it.")] = 0,
    as_json: Json = False,
) -> None:
    """Show a question, or wait for its answer. Exit code 4 while there is none.

    \b
    Examples:
      nexus run question 0195... 0195... --wait 60
    """
    api = client(timeout_s=wait + 60)
    found = api.get_run_question(run, question, wait=cast("Any", wait))
    if as_json:
        print_json(found)
    elif found.answer is None:
        fail("Nobody has answered yet.", 4)
    else:
        output().print(plain(found.answer))


@app.command("answer")
def answer_run(
    run: Run,
    question: Question,
    answer: Annotated[str, typer.Argument(help="What to say.")],
    as_json: Json = False,
) -> None:
    """Answer a question of a run.

    \b
    Examples:
      nexus run answer 0195... 0195... "Postgres 16."
    """
    answered = client().answer_run(run, question, models.AnswerIn(answer=answer))
    print_json(answered) if as_json else output().print("It has its answer.")


@app.command("cancel")
def cancel_run(run: Run, reason: Reason = "", as_json: Json = False) -> None:
    """End somebody's run; its task can be taken again.

    \b
    Examples:
      nexus run cancel 0195... -m "It goes in circles."
    """
    cancelled = client().cancel_run(run, models.ReasonIn(reason=reason))
    print_json(cancelled) if as_json else print_run(cancelled)


@app.command("accept")
def accept_run(run: Run, reason: Reason = "", as_json: Json = False) -> None:
    """Accept submitted work: the task is done.

    \b
    Examples:
      nexus run accept 0195...
    """
    accepted = client().accept_run(run, models.ReasonIn(reason=reason))
    print_json(accepted) if as_json else print_run(accepted)


@app.command("reject")
def reject_run(
    run: Run,
    reason: Annotated[str, typer.Argument(help="What has to be better.")],
    as_json: Json = False,
) -> None:
    """Send submitted work back; whoever takes the task next reads why.

    \b
    Examples:
      nexus run reject 0195... "The retry never gives up."
    """
    rejected = client().reject_run(run, models.RejectionIn(reason=reason))
    print_json(rejected) if as_json else print_run(rejected)


@app.command("evidence")
def list_run_evidence(run: Run, as_csv: Csv = False, as_json: Json = False) -> None:
    """List what a run reported in evidence, and what was found true.

    \b
    Examples:
      nexus run evidence 0195...
    """
    page = client().list_run_evidence(run)
    if as_json:
        print_json(page)
        return
    print_table(
        ["ID", "ITEM", "KIND", "REPORTED", "VERDICT"],
        [
            (
                one.id,
                one.item or "the task",
                one.kind,
                plain(one.sha or one.url or one.command or one.name),
                one.verdict or "not looked at",
            )
            for one in page.items
        ],
        empty="It reported none.",
        as_csv=as_csv,
    )


@app.command("verify")
def verify_run_evidence(
    run: Run,
    evidence: Annotated[str, typer.Argument(metavar="EVIDENCE", help="Its id.")],
    refuted: Annotated[bool, typer.Option("--refuted", help="It is not true.")] = False,
    note: Annotated[str, typer.Option("--note", "-m", help="What you found.")] = "",
    as_json: Json = False,
) -> None:
    """Say whether what was reported is true.

    \b
    Examples:
      nexus run verify 0195... 0195...
      nexus run verify 0195... 0195... --refuted -m "The commit is not on main."
    """
    verdict = cast("Any", "refuted" if refuted else "confirmed")
    body = models.VerificationIn(verdict=verdict, note=note)
    verified = client().verify_run_evidence(run, evidence, body)
    print_json(verified) if as_json else output().print(f"It is {verified.verdict}.")


@holds.command("hold")
def hold_task(task: Task, as_json: Json = False) -> None:
    """Work on a task yourself, taking it over from an agent if need be.

    \b
    Examples:
      nexus task hold API-42
    """
    held = client().hold_task(task)
    print_json(held) if as_json else output().print(f"You hold {held.key}.")


@holds.command("unhold")
def unhold_task(task: Task, as_json: Json = False) -> None:
    """Let a task go that you or an agent holds, so that it can be taken again.

    \b
    Examples:
      nexus task unhold API-42
    """
    freed = client().unhold_task(task)
    print_json(freed) if as_json else output().print(f"{freed.key} is {freed.status}.")


@agents.command("next")
def next_task(
    agent: Annotated[
        str | None, typer.Argument(metavar="[AGENT]", help="An agent leaves it out.")
    ] = None,
    why_not: Annotated[
        str | None, typer.Option("--why-not", help="Say why it is not this task.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say which task an agent would be given now, why, and why not another one.

    \b
    Examples:
      nexus agent next robo
      nexus agent next robo --why-not API-7
    """
    found = client().next_task(agent=agent, task=why_not)
    if as_json:
        print_json(found)
        return
    if found.task:
        output().print(f"[bold]{found.task}  {plain(found.title or '')}[/bold]")
    output().print(plain(found.reason))
    for one in found.passed_over:
        output().print(f"Before it stands {one.task}: {plain(one.reason)}")
    for reason in found.why_not:
        output().print(f"{why_not}: {plain(reason)}")


@agents.command("limits")
def list_work_limits(as_csv: Csv = False, as_json: Json = False) -> None:
    """List how many tasks of projects and repositories agents work on at once.

    \b
    Examples:
      nexus agent limits
    """
    page = client().list_work_limits()
    if as_json:
        print_json(page)
        return
    rows = [
        (one.project_id or "", one.repository_id or "", str(one.max_running)) for one in page.items
    ]
    print_table(
        ["PROJECT", "REPOSITORY", "AT ONCE"],
        rows,
        empty="There is no limit. 'nexus agent limit --project API --at-once 3' sets one.",
        as_csv=as_csv,
    )


@agents.command("limit")
def set_work_limit(
    project: Annotated[str | None, typer.Option("--project", "-p", help="By key.")] = None,
    repository: Annotated[
        str | None, typer.Option("--repository", "-r", help="By name, address or id.")
    ] = None,
    at_once: Annotated[
        int | None, typer.Option(min=0, max=10_000, help="Without a limit if not said.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Limit how many tasks of a project or repository agents work on at once.

    \b
    Examples:
      nexus agent limit --project API --at-once 3
      nexus agent limit --repository web
    """
    api = client()
    found = find_repository(api, repository) if repository else None
    limit = api.set_work_limit(
        models.LimitIn(
            project=project, repository_id=found.id if found else None, max_running=at_once
        )
    )
    most = "no limit" if limit.max_running is None else f"a limit of {limit.max_running}"
    print_json(limit) if as_json else output().print(f"It has {most} now.")
