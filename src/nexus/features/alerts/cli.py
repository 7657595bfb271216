"""Alerts on the command line."""

from typing import Annotated, Any

import msgspec
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
from nexus_client import models
from nexus_client.client import NexusClient
from nexus_client.connection import ApiError

app = group("alert", "Look at what is wrong and wants somebody.")

WRONG, FORBIDDEN = 1, 403


@app.command("list")
def list_alerts(
    everything: Annotated[bool, typer.Option("--all", help="Those that are over as well.")] = False,
    limit: Limit = 20,
    cursor: Cursor = None,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List the alerts that are open, the newest first.

    \b
    Examples:
      nexus alert list
      nexus alert list --all
    """
    page = client().list_alerts(open=None if everything else True, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(
        ["RULE", "WHAT", "SINCE", "UNTIL"],
        [
            (
                one.rule,
                plain(one.message),
                since(one.raised_at),
                since(one.cleared_at) if one.cleared_at else "",
            )
            for one in page.items
        ],
        empty="Nothing is wrong.",
        as_csv=as_csv,
    )
    print_more(page.next_cursor)


def doctor(as_json: Json = False) -> None:
    """Look whether the server is well and every task can go on, and say what to do if not.

    Ends with 1 where something is wrong.

    \b
    Examples:
      nexus doctor
    """
    api = client()
    answer = api.send("GET", "/readyz")
    ready = msgspec.json.decode(answer.content, type=dict[str, Any])
    is_ready = ready["status"] == "ok"
    alerts, unseen = _open_alerts(api) if is_ready else ([], None)
    liveness = api.get_liveness(unlocks=True) if is_ready else None
    violations = liveness.violations if liveness else []
    is_well = is_ready and not ready["warnings"] and not alerts and not violations
    if as_json:
        print_json({"is_well": is_well, "server": ready, "alerts": alerts, "liveness": liveness})
    else:
        console = output()
        for name, found in ready["checks"].items():
            mark = "[green]ok[/green]" if found == "ok" else f"[red]{plain(found)}[/red]"
            console.print(f"{name}: {mark}")
        for name, message in ready["warnings"].items():
            console.print(f"{name}: [yellow]{plain(message)}[/yellow]")
        for one in alerts:
            console.print(f"{one.rule}: [yellow]{plain(one.message)}[/yellow]")
        for one in violations:
            console.print(f"{one.task}: [yellow]{plain(one.repair)}[/yellow]")
        if liveness:
            console.print(
                f"tasks: {liveness.ready} ready, {liveness.held} held, "
                f"{liveness.waits_for_task} wait for others, "
                f"{liveness.waits_for_person} wait for people"
            )
        if unseen:
            console.print(f"alerts: {plain(unseen)}")
        if is_well:
            console.print("Nothing is wrong.")
    if not is_well:
        raise typer.Exit(WRONG)


def _open_alerts(api: NexusClient) -> tuple[list[models.AlertOut], str | None]:
    """The alerts, or why they are not shown."""
    try:
        return api.list_alerts(open=True, limit=200).items, None
    except ApiError as error:
        if error.status != FORBIDDEN:
            raise
        return [], "only admins of the workspace see them."
