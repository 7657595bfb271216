"""Webhooks on the command line."""

from typing import Annotated

import typer
from msgspec import UNSET

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
from nexus_client import models
from nexus_client.models import NewWebhookOut, WebhookOut

WebhookId = Annotated[
    str, typer.Argument(metavar="ID", help="The webhook's id, as 'webhook list' shows it.")
]
Events = Annotated[
    list[str] | None,
    typer.Option("--event", help="Such as task.created or 'task.*' (repeatable); all if not said."),
]

app = group("webhook", "Send what happens in the workspace to other programs.")


@app.command("list")
def list_webhooks(
    limit: Limit = 50, cursor: Cursor = None, as_csv: Csv = False, as_json: Json = False
) -> None:
    """List outgoing webhooks.

    \b
    Examples:
      nexus webhook list
    """
    page = client().list_webhooks(limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(
        ["ID", "NAME", "URL", "EVENTS", "STATE"],
        [
            (one.id, plain(one.name), plain(one.url), ", ".join(one.events) or "all", _state(one))
            for one in page.items
        ],
        empty="There is no webhook. 'nexus webhook create NAME URL' makes one.",
        as_csv=as_csv,
    )
    print_more(page.next_cursor)


@app.command("get")
def get_webhook(webhook: WebhookId, as_json: Json = False) -> None:
    """Show a webhook.

    \b
    Examples:
      nexus webhook get 0195...
    """
    found = client().get_webhook(webhook)
    if as_json:
        print_json(found)
        return
    print_facts(
        {
            "Name": plain(found.name),
            "URL": plain(found.url),
            "Events": ", ".join(found.events) or "all",
            "State": _state(found),
            "Why": plain(found.disabled_why or ""),
            "Failing": since(found.failing_since) if found.failing_since else "",
            "Told up to": str(found.place),
            "Made": since(found.created_at),
            "Version": str(found.version),
        }
    )


@app.command("create")
def create_webhook(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    url: Annotated[str, typer.Argument(help="Where to send events, as https://example.com/hook.")],
    event: Events = None,
    as_json: Json = False,
) -> None:
    """Send what happens from now on to an address. The secret for its signatures is shown once.

    \b
    Examples:
      nexus webhook create deploys https://example.com/hook --event task.status_changed
    """
    new = client().create_webhook(models.WebhookIn(name=name, url=url, events=event or []))
    print_json(new) if as_json else _print_secret(new)


@app.command("update")
def update_webhook(
    webhook: WebhookId,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    url: Annotated[str | None, typer.Option(help="Another address.")] = None,
    event: Events = None,
    is_enabled: Annotated[
        bool | None, typer.Option("--on/--off", help="Switch it on, to go on where it was, or off.")
    ] = None,
    version: Annotated[
        int | None, typer.Option(help="Only if it is still at this version.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Change a webhook.

    \b
    Examples:
      nexus webhook update 0195... --off
      nexus webhook update 0195... --event 'task.*' --event comment.removed
    """
    patch = models.WebhookPatch(
        name=UNSET if name is None else name,
        url=UNSET if url is None else url,
        events=UNSET if event is None else event,
        is_enabled=UNSET if is_enabled is None else is_enabled,
    )
    found = client().update_webhook(webhook, patch, if_match=version)
    print_json(found) if as_json else output().print(f"{plain(found.name)} is {_state(found)}.")


@app.command("remove")
def remove_webhook(webhook: WebhookId, as_json: Json = False) -> None:
    """Remove a webhook and its deliveries.

    \b
    Examples:
      nexus webhook remove 0195...
    """
    client().remove_webhook(webhook)
    print_json({"removed": webhook}) if as_json else output().print("Removed.")


@app.command("rotate")
def rotate_webhook(
    webhook: WebhookId,
    overlap: Annotated[
        int, typer.Option(min=0, max=604800, help="Seconds to sign with both secrets.")
    ] = 86400,
    as_json: Json = False,
) -> None:
    """Replace the secret of a webhook; the new one is shown once.

    \b
    Examples:
      nexus webhook rotate 0195... --overlap 3600
    """
    new = client().rotate_webhook(webhook, models.WebhookRotateIn(overlap_s=overlap))
    print_json(new) if as_json else _print_secret(new)


@app.command("test")
def send_test(webhook: WebhookId, as_json: Json = False) -> None:
    """Send a webhook an event that no filter holds back, and see 'webhook deliveries'.

    \b
    Examples:
      nexus webhook test 0195...
    """
    client().test_webhook(webhook)
    print_json({"tested": webhook}) if as_json else output().print("On its way.")


@app.command("deliveries")
def list_deliveries(
    webhook: WebhookId,
    state: Annotated[
        list[str] | None, typer.Option(help="waiting, delivered, failed (repeatable).")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List what was sent to a webhook, the newest events first.

    \b
    Examples:
      nexus webhook deliveries 0195... --state failed
    """
    page = client().list_webhook_deliveries(webhook, state=state, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(
        ["ID", "SEQ", "EVENT", "STATE", "ATTEMPTS", "ANSWER", "MS", "ERROR"],
        [
            (
                one.id,
                str(one.seq),
                one.event,
                one.state,
                str(one.attempts),
                str(one.status or ""),
                "" if one.took_ms is None else str(one.took_ms),
                plain(one.error or ""),
            )
            for one in page.items
        ],
        empty="Nothing like that was sent to it yet.",
        as_csv=as_csv,
    )
    print_more(page.next_cursor)


@app.command("replay")
def replay_delivery(
    webhook: WebhookId,
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help="The delivery's id.")],
    as_json: Json = False,
) -> None:
    """Send a delivery again that was taken or given up.

    \b
    Examples:
      nexus webhook replay 0195... 0195...
    """
    found = client().replay_webhook_delivery(webhook, delivery)
    print_json(found) if as_json else output().print(f"{found.event} is sent again.")


def _state(one: WebhookOut) -> str:
    if not one.is_enabled:
        return "off"
    return "failing" if one.failing_since else "on"


def _print_secret(new: NewWebhookOut) -> None:
    output().print(f"{plain(new.webhook.name)} ({new.webhook.id}). Its secret, shown this once:")
    output().print(new.secret)
