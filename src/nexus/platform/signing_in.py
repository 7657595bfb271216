"""A session for the length of one command, for what a person may do and no key."""

import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress

import typer

from nexus.platform.cli import client, fail
from nexus_client import models
from nexus_client.client import NexusClient
from nexus_client.connection import ApiError, ServerNotReached


def ask(what: str, *, is_secret: bool = False) -> str:
    """Ask whoever sits at the terminal; without one, the next line of standard input says it."""
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=is_secret, err=True))
    line = sys.stdin.readline()
    if not line:
        fail(f"{what} is needed: run this in a terminal, or write it to standard input.", 2)
    return line.rstrip("\r\n")


def ask_new_password() -> str:
    """Asked for twice at a terminal, where nobody sees what is typed."""
    password = ask("New password", is_secret=True)
    if sys.stdin.isatty() and ask("The same again", is_secret=True) != password:
        fail("The two passwords are not the same; nothing was changed.", 6)
    return password


def ask_credentials(email: str | None) -> models.SignInIn:
    email = email or ask("E-mail")
    return models.SignInIn(email=email, password=ask("Password", is_secret=True))


def ask_credentials_of(me: models.MeOut) -> models.SignInIn:
    """Those of the person whom the key belongs to, so that only the password is asked for."""
    email = me.user.email if me.user else None
    if email:
        typer.echo(f"No key may do this. Sign in as {email}.", err=True)
    return ask_credentials(email)


@contextmanager
def session(
    url: str, who: models.SignInIn, workspace_id: str | None = None
) -> Generator[NexusClient]:
    """Signed in, in one workspace where it is named; signed out in the end, whatever happens."""
    api = NexusClient(url, None)
    signed_in = api.sign_in(who)
    api.use_session(signed_in.csrf_token, workspace_id)
    try:
        yield api
    finally:
        with suppress(ApiError, ServerNotReached):
            api.revoke_session("current")


@contextmanager
def own_session() -> Generator[NexusClient]:
    """As `session`, for the person, the server and the workspace of the profile."""
    api = client()
    me = api.get_me()
    with session(api.url, ask_credentials_of(me), me.workspace_id) as signed_in:
        yield signed_in
