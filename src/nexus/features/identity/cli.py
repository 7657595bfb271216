"""Signing in from the command line."""

import socket
from typing import Annotated

import typer

from nexus.platform.cli import fail, output, plain
from nexus.platform.profiles import Profile, Profiles
from nexus_client import models
from nexus_client.client import NexusClient


def login(
    url: Annotated[str, typer.Argument(help="The server's address.")] = "http://127.0.0.1:8700",
    email: Annotated[str | None, typer.Option(help="Asked for if not said.")] = None,
    key: Annotated[
        str | None, typer.Option(help="An API key, instead of signing in.", envvar="NEXUS_API_KEY")
    ] = None,
    workspace: Annotated[
        str | None, typer.Option(help="The workspace's name or id, if you are in several.")
    ] = None,
    name: Annotated[str, typer.Option(help="The profile's name.")] = "default",
) -> None:
    """Make this machine's commands act as you: sign in, make a key, keep it in a profile.

    \b
    Examples:
      nexus login https://nexus.example.com
      nexus login http://127.0.0.1:8700 --key nxs_...
      nexus login https://nexus.example.com --name work && nexus --profile work next
    """
    profiles = Profiles.load()
    key = key or _new_key(url, email, workspace)
    me = NexusClient(url, key).get_me()
    path = profiles.with_profile(Profile(name=name, url=url, key=key)).save()
    who = me.actor.name if me.actor else "?"
    output().print(f"Signed in as {plain(who)}. The profile {name!r} stands in {path}.")


def _new_key(url: str, email: str | None, workspace: str | None) -> str:
    email = email or str(typer.prompt("E-mail"))
    password = str(typer.prompt("Password", hide_input=True))
    api = NexusClient(url, None)
    signed_in = api.sign_in(models.SignInIn(email=email, password=password))
    api.use_session(signed_in.csrf_token)
    chosen = _chosen(api.get_me().workspaces, workspace)
    api.use_session(signed_in.csrf_token, chosen.workspace_id)
    new = api.create_key(models.KeyIn(name=f"command line on {socket.gethostname()}"[:100]))
    api.revoke_session("current")
    return new.secret


def _chosen(found: list[models.MembershipOut], wanted: str | None) -> models.MembershipOut:
    fitting = [
        one for one in found if wanted is None or wanted in {one.workspace_id, one.workspace_name}
    ]
    if len(fitting) != 1:
        names = ", ".join(one.workspace_name for one in found) or "none"
        fail(f"Say which workspace with --workspace. You are in: {names}.", 6)
    return fitting[0]
