"""The audit log on the command line."""

from typing import Annotated, Any

import typer

from nexus.platform.cli import (
    Csv,
    Cursor,
    Json,
    Limit,
    client,
    plain,
    print_json,
    print_more,
    print_table,
)


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
