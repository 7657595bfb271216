"""Proposals on the command line."""

import time
from typing import Annotated

import typer
from msgspec import UNSET

from nexus.platform.cli import (
    Csv,
    Cursor,
    Json,
    Limit,
    client,
    complete_tasks,
    fail,
    group,
    output,
    plain,
    print_json,
    print_more,
    print_table,
    word,
)
from nexus_client import models
from nexus_client.client import NexusClient

ASKS_EVERY_S = 1.0

app = group("proposal", "Decide on proposals to split tasks.")
tasks = typer.Typer(rich_markup_mode=None)

Id = Annotated[str, typer.Argument(metavar="ID", help="As 'proposal list' shows it.")]


@tasks.command("expand")
def expand_task(
    task: Annotated[str, typer.Argument(metavar="TASK", autocompletion=complete_tasks)],
    subtask: Annotated[
        list[str] | None, typer.Option("--subtask", "-s", help="Propose this one; repeatable.")
    ] = None,
    complexity: Annotated[
        int | None, typer.Option(min=1, max=10, help="Propose how complex the task is.")
    ] = None,
    instructions: Annotated[str, typer.Option(help="What matters, for the language model.")] = "",
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for the language model's answer.")
    ] = 120,
    as_json: Json = False,
) -> None:
    """Propose how to split a task, or let the server's language model do so.

    Nothing changes before somebody accepts it, unless the project's policy does.

    \b
    Examples:
      nexus task expand API-42
      nexus task expand API-42 --instructions "The database comes first"
      nexus task expand API-42 -s "Write the parser" -s "Write its tests"
    """
    api = client()
    body = models.ProposalIn(
        instructions=instructions,
        complexity=complexity,
        subtasks=[models.SubtaskIn(title=one) for one in subtask or ()],
    )
    proposal = _awaited(api, api.expand_task(task, body), wait)
    print_json(proposal) if as_json else _print(proposal)
    if proposal.state == "failed":
        fail(plain(proposal.reason), 1)


@app.command("list")
def list_proposals(
    task: Annotated[
        str | None, typer.Option(help="Of this task.", autocompletion=complete_tasks)
    ] = None,
    state: Annotated[
        str | None, typer.Option(help="asked, open, accepted, rejected or failed.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List proposals, newest first.

    \b
    Examples:
      nexus proposal list --state open
    """
    page = client().list_proposals(task=task, state=state, limit=limit, cursor=cursor)  # pyright: ignore[reportArgumentType]
    if as_json:
        print_json(page)
        return
    print_table(
        ["ID", "TASK", "STATE", "SUBTASKS", "COMPLEXITY", "BY", "MADE"],
        [
            (
                one.id,
                one.task,
                word(one.state),
                str(len(one.subtasks)),
                str(one.complexity or ""),
                plain(one.model or one.proposed_by.name),
                ", ".join(one.created),
            )
            for one in page.items
        ],
        empty="There is no proposal. 'nexus task expand TASK' makes one.",
        as_csv=as_csv,
    )
    print_more(page.next_cursor)


@app.command("get")
def get_proposal(proposal: Id, as_json: Json = False) -> None:
    """Show what is proposed.

    \b
    Examples:
      nexus proposal get 0195...
    """
    found = client().get_proposal(proposal)
    print_json(found) if as_json else _print(found)


@app.command("accept")
def accept_proposal(proposal: Id, as_json: Json = False) -> None:
    """Split the task as proposed.

    \b
    Examples:
      nexus proposal accept 0195...
    """
    found = client().accept_proposal(proposal)
    print_json(found) if as_json else _print(found)


@app.command("reject")
def reject_proposal(
    proposal: Id,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    as_json: Json = False,
) -> None:
    """Do without it; the task stays as it is.

    \b
    Examples:
      nexus proposal reject 0195... --reason "One subtask is enough"
    """
    found = client().reject_proposal(proposal, models.ProposalRejectionIn(reason=reason or UNSET))
    print_json(found) if as_json else _print(found)


def _awaited(api: NexusClient, proposal: models.ProposalOut, wait_s: float) -> models.ProposalOut:
    until = time.monotonic() + wait_s
    while proposal.state == "asked" and time.monotonic() < until:
        with output().status("The language model thinks ..."):
            time.sleep(ASKS_EVERY_S)
            proposal = api.get_proposal(str(proposal.id))
    return proposal


def _print(proposal: models.ProposalOut) -> None:
    console = output()
    by = plain(proposal.model or proposal.proposed_by.name)
    console.print(f"[bold]{proposal.task}[/bold]  {word(proposal.state)}, proposed by {by}")
    if proposal.reasoning:
        console.print(plain(proposal.reasoning))
    if proposal.complexity:
        console.print(f"Complexity: {proposal.complexity}")
    for one in proposal.subtasks:
        waits = f"  after {', '.join(str(n) for n in one.depends_on)}" if one.depends_on else ""
        size = f"  ({one.complexity})" if one.complexity else ""
        console.print(f"  {one.number}. {plain(one.title)}{size}{waits}")
    if proposal.created:
        console.print(f"It made {', '.join(proposal.created)}.")
    if proposal.state == "open":
        console.print(f"'nexus proposal accept {proposal.id}' splits the task so.")
    if proposal.state == "asked":
        console.print(f"No answer yet. 'nexus proposal get {proposal.id}' shows it when it came.")
    if proposal.reason:
        console.print(plain(proposal.reason))
