"""API keys on the command line."""

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
from nexus_client import models

KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id, as 'key list' shows it.")]

app = group("key", "Make and revoke API keys.")


@app.command("list")
def list_keys(
    limit: Limit = 50, cursor: Cursor = None, as_csv: Csv = False, as_json: Json = False
) -> None:
    """List your API keys; an admin sees everybody's.

    \b
    Examples:
      nexus key list
      nexus key list --limit 200 --csv
    """
    page = client().list_keys(limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(
        ["ID", "PREFIX", "NAME", "LAST USED", "EXPIRES"],
        [
            (
                one.id,
                one.prefix,
                plain(one.name),
                _moment(one.last_used_at, as_csv),
                one.expires_at or "never",
            )
            for one in page.items
        ],
        empty="There is no key. 'nexus key create NAME' makes one.",
        as_csv=as_csv,
    )
    print_more(page.next_cursor)


@app.command("get")
def get_key(key: KeyId, as_json: Json = False) -> None:
    """Show an API key: what it may do, and until when. Its secret is not kept anywhere.

    \b
    Examples:
      nexus key get 0195...
    """
    found = client().get_key(key)
    if as_json:
        print_json(found)
        return
    print_facts(
        {
            "Name": found.name,
            "Prefix": found.prefix,
            "May": ", ".join(found.scopes),
            "Made": since(found.created_at),
            "Last used": _moment(found.last_used_at, False),
            "Expires": found.expires_at or "never",
            "Revoked": found.revoked_at or "",
            "Id": found.id,
        }
    )


@app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="Such as tasks:read (repeatable); all if not said.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="As 2027-01-01T00:00:00Z.")] = None,
    as_json: Json = False,
) -> None:
    """Make an API key for yourself. It is shown this once.

    \b
    Examples:
      nexus key create "ci of the api repository" --scope tasks:read --scope tasks:write
      nexus key create laptop --expires 2027-01-01T00:00:00Z
    """
    new = client().create_key(models.KeyIn(name=name, scopes=scope, expires_at=expires))
    print_json(new) if as_json else _print_secret(new)


@app.command("rotate")
def rotate_key(
    key: KeyId,
    overlap: Annotated[int, typer.Option(min=0, help="Seconds that the old key stays good.")] = 0,
    as_json: Json = False,
) -> None:
    """Replace a key of yours by a new one, which is shown this once.

    \b
    Examples:
      nexus key rotate 0195... --overlap 3600
    """
    new = client().rotate_key(key, models.RotationIn(overlap_s=overlap))
    print_json(new) if as_json else _print_secret(new)


@app.command("revoke")
def revoke_key(key: KeyId, as_json: Json = False) -> None:
    """Revoke a key at once.

    \b
    Examples:
      nexus key revoke 0195...
    """
    client().revoke_key(key)
    print_json({"revoked": key}) if as_json else output().print("The key is revoked.")


app.command("show", hidden=True)(get_key)


def _moment(moment: str | None, as_csv: bool) -> str:
    if moment is None:
        return "never"
    return moment if as_csv else since(moment)


def _print_secret(new: models.NewKeyOut) -> None:
    output().print(new.secret)
    typer.echo("Write it down: it is not shown again.", err=True)
