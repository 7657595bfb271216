"""The audit log on the command line."""

import sys
import time
from typing import Annotated, Any

import msgspec
import typer

from nexus.platform.cli import (
    Csv,
    Cursor,
    Json,
    Limit,
    client,
    fail,
    messages,
    output,
    plain,
    print_json,
    print_more,
    print_table,
)
from nexus_client.connection import ApiError, ServerNotReached
from nexus_client.models import EventOut

STREAM = "/api/v1/events/stream"
STREAM_TIMEOUT_S = 60.0  # four heartbeats
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
AWAY = {502, 503, 504}  # what a proxy says while the server starts again
COLOURS = {"task": "green", "project": "blue", "key": "red", "session": "red", "member": "magenta"}


def list_events(
    task: Annotated[str | None, typer.Option(help="About this task (key or id).")] = None,
    name: Annotated[
        list[str] | None, typer.Option(help="Such as task.created or 'task.*' (repeatable).")
    ] = None,
    actor: Annotated[str | None, typer.Option(help="By this member or agent (id).")] = None,
    since: Annotated[
        str | None, typer.Option(help="From then on, as 2026-12-01T00:00:00Z.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Before then.")] = None,
    after: Annotated[int | None, typer.Option(min=0, help="Only later numbers.")] = None,
    oldest: Annotated[bool, typer.Option("--oldest", help="The oldest first.")] = False,
    limit: Limit = 20,
    cursor: Cursor = None,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """Say what happened in the workspace, the newest first.

    \b
    Examples:
      nexus events --task API-42
      nexus events --name 'task.*' --since 2026-12-01T00:00:00Z
      nexus events --oldest --after 120 --json
      nexus events --limit 200 --csv > events.csv
    """
    page = client().list_events(
        task=task,
        name=name,
        actor=actor,
        since=since,
        until=until,
        after=after,
        sort="oldest" if oldest or after is not None else "newest",
        limit=limit,
        cursor=cursor,
    )
    if as_json:
        print_json(page)
        return
    print_table(
        ["SEQ", "WHEN", "WHO", "WHAT", "ABOUT"],
        [
            (
                str(one.seq),
                one.recorded_at if as_csv else one.recorded_at[:19].replace("T", " "),
                plain(one.actor.name) if one.actor else "?",
                one.name,
                plain(_about(one.payload, one.subject)),
            )
            for one in page.items
        ],
        empty="Nothing like that has happened yet.",
        as_csv=as_csv,
    )
    print_more(page.next_cursor)


def watch(
    task: Annotated[str | None, typer.Option(help="About this task (key or id).")] = None,
    name: Annotated[
        list[str] | None, typer.Option(help="Such as task.created or 'task.*' (repeatable).")
    ] = None,
    actor: Annotated[str | None, typer.Option(help="By this member or agent (id).")] = None,
    subject: Annotated[str | None, typer.Option(help="About this, as <noun>:<id>.")] = None,
    after: Annotated[
        int | None, typer.Option(min=0, help="Begin after this number, not with what comes now.")
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(min=0, max=60, help="End when nothing came for so many seconds."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what happens in the workspace while it happens, until Ctrl-C.

    A connection that breaks is taken up again where it ended. With --json, each event is a line.

    \b
    Examples:
      nexus watch
      nexus watch --name 'task.*' --json | jq -r .payload.key
      nexus watch --after 0 --wait 0 > everything.txt
    """
    query = {"task": task, "name": name, "actor": actor, "subject": subject, "wait": wait}
    place, pause = after, FIRST_PAUSE_S
    while True:
        is_cut_off = False
        try:
            for message in client(STREAM_TIMEOUT_S).messages(STREAM, query=query, after=place):
                place, pause = place if message.id is None else message.id, FIRST_PAUSE_S
                is_cut_off = message.name == "reconnect"
                if message.name == "end":
                    fail(_reason(message.data), 3)
                if message.name == "message" and message.data:
                    _show(message.data, as_json=as_json)
            if wait is not None and not is_cut_off:
                return
        except (ServerNotReached, ApiError) as error:
            if place is None or (isinstance(error, ApiError) and error.status not in AWAY):
                raise
            messages().print(f"[yellow]{plain(str(error))}[/yellow] Trying again.")
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)


def _show(data: str, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(data + "\n")
        sys.stdout.flush()
        return
    event = msgspec.json.decode(data, type=EventOut)
    colour = COLOURS.get(event.name.partition(".")[0], "cyan")
    who = plain(event.actor.name) if event.actor else "?"
    about = plain(_about(event.payload, event.subject))
    output().print(
        f"[dim]{event.recorded_at[11:19]}[/dim] {who}  [{colour}]{event.name}[/{colour}]  {about}"
    )


def _reason(data: str) -> str:
    return msgspec.json.decode(data, type=dict[str, str])["reason"]


def _about(payload: dict[str, Any], subject: str) -> str:
    parts = [str(payload.get("key") or payload.get("title") or subject)]
    changes: dict[str, tuple[object, object]] = payload.get("changes") or {}
    for field, (old, new) in changes.items():
        parts.append(f"{field}: {_short(old)} -> {_short(new)}")
    if freed := payload.get("became_ready"):
        parts.append(f"ready now: {', '.join(freed)}")
    return "  ".join(parts)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"
