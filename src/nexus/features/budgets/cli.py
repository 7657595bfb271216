"""Budgets on the command line."""

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
)
from nexus_client import models

app = group("budget", "Limit what agents may use.")


@app.command("list")
def list_budgets(
    limit: Limit = 50, cursor: Cursor = None, as_csv: Csv = False, as_json: Json = False
) -> None:
    """List budgets with what is spent, and what runs have set aside.

    \b
    Examples:
      nexus budget list
    """
    page = client().list_budgets(limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(
        ["ID", "FOR", "PERIOD", "TOKENS", "SPENT", "COST", "SPENT $"],
        [
            (
                one.id,
                f"{one.scope} {plain(one.name)}" if one.subject_id else "workspace",
                one.period or "all time",
                "" if one.tokens is None else f"{one.tokens:,}",
                _used(one.spent_tokens, one.reserved_tokens),
                "" if one.cost is None else f"{one.cost:.2f}",
                _used(one.spent_cost, one.reserved_cost),
            )
            for one in page.items
        ],
        empty="There is no budget. 'nexus budget set --cost 100' makes one for the workspace.",
        as_csv=as_csv,
    )
    print_more(page.next_cursor)


@app.command("set")
def set_budget(
    project: Annotated[str | None, typer.Option("--project", "-p", help="By key.")] = None,
    agent: Annotated[str | None, typer.Option(help="By handle or id.")] = None,
    task: Annotated[str | None, typer.Option(help="By key; its budget is for good.")] = None,
    tokens: Annotated[int | None, typer.Option(min=0, help="Tokens, in and out.")] = None,
    cost: Annotated[float | None, typer.Option(min=0, help="US dollars.")] = None,
    as_json: Json = False,
) -> None:
    """Limit what agents may use in a month: in all, of a project, by an agent, or of a task.

    \b
    Examples:
      nexus budget set --cost 500
      nexus budget set --project API --cost 100 --tokens 50000000
      nexus budget set --task API-42 --tokens 200000
    """
    body = models.BudgetIn(project=project, agent=agent, task=task, tokens=tokens, cost=cost)
    budget = client().set_budget(body)
    what = f"{budget.scope} {plain(budget.name)}" if budget.subject_id else "workspace"
    print_json(budget) if as_json else output().print(f"The {what} has a budget now.")


@app.command("remove")
def remove_budget(
    budget: Annotated[str, typer.Argument(metavar="ID", help="As 'budget list' shows it.")],
    as_json: Json = False,
) -> None:
    """Do without a budget.

    \b
    Examples:
      nexus budget remove 0195...
    """
    client().remove_budget(budget)
    print_json({"removed": budget}) if as_json else output().print("The budget is removed.")


def _used(spent: float, reserved: float) -> str:
    shown = f"{spent:,}" if isinstance(spent, int) else f"{spent:,.2f}"
    if not reserved:
        return shown
    return f"{shown} (+{reserved:,} set aside)"
