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

app = group("alert", "Look at what is wrong and wants somebody.")

WRONG = 1


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
    """Look whether the server is well, and say what to do where it is not.

    Ends with 1 where something is wrong.

    \b
    Examples:
      nexus doctor
    """
    api = client()
    answer = api.send("GET", "/readyz")
    ready = msgspec.json.decode(answer.content, type=dict[str, Any])
    alerts = api.list_alerts(open=True, limit=200).items if ready["status"] == "ok" else []
    is_well = ready["status"] == "ok" and not ready["warnings"] and not alerts
    if as_json:
        print_json({"is_well": is_well, "server": ready, "alerts": alerts})
    else:
        console = output()
        for name, found in ready["checks"].items():
            mark = "[green]ok[/green]" if found == "ok" else f"[red]{plain(found)}[/red]"
            console.print(f"{name}: {mark}")
        for name, message in ready["warnings"].items():
            console.print(f"{name}: [yellow]{plain(message)}[/yellow]")
        for one in alerts:
            console.print(f"{one.rule}: [yellow]{plain(one.message)}[/yellow]")
        if is_well:
            console.print("Nothing is wrong.")
    if not is_well:
        raise typer.Exit(WRONG)
