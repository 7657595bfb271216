"""Who you are, and from where: signing in and out, account, sessions, profiles."""

import os
import socket
from typing import Annotated

import typer
from msgspec import UNSET

from nexus.platform.cli import (
    Csv,
    Json,
    client,
    fail,
    group,
    messages,
    output,
    plain,
    print_json,
    print_table,
    since,
)
from nexus.platform.facts import print_facts
from nexus.platform.finding import every
from nexus.platform.profiles import Profile, Profiles
from nexus.platform.signing_in import (
    ask_credentials,
    ask_credentials_of,
    ask_new_password,
    own_session,
    session,
)
from nexus_client import models
from nexus_client.client import NexusClient
from nexus_client.connection import ApiError, ServerNotReached

Name = Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.")]

account = group("me", "Say who you are; change your name or password.")
sessions = group("session", "Look at the places where you are signed in, and sign out of them.")
profile_commands = group("profile", "Choose the server that commands speak to.")


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


def logout(
    keep_key: Annotated[
        bool, typer.Option("--keep-key", help="Leave the key good, for others who use it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Forget the current profile and revoke its key.

    \b
    Examples:
      nexus logout
      nexus --profile work logout --keep-key
    """
    profiles = Profiles.load()
    wanted = os.environ.get("NEXUS_PROFILE") or profiles.current
    profile = _existing(profiles, wanted)
    trouble = None if keep_key else _revoke_key_of(profile)
    left = profiles.without(profile.name)
    left.save()
    if as_json:
        is_revoked = not keep_key and trouble is None
        print_json({"profile": profile.name, "is_key_revoked": is_revoked})
    else:
        output().print(
            f"The profile {plain(profile.name)!r} is forgotten. {_choices(left)}".strip()
        )
    if trouble:
        messages().print(f"[yellow]Its key may still be good: {plain(trouble)}[/yellow]")


@account.callback(invoke_without_command=True, no_args_is_help=False)
def show_me(context: typer.Context, as_json: Json = False) -> None:
    if context.invoked_subcommand is None:
        get_me(as_json=as_json)


@account.command("get")
def get_me(as_json: Json = False) -> None:
    """Say who you are, where, and what you may do.

    \b
    Examples:
      nexus me
      nexus me get --json
    """
    api = client()
    me = api.get_me()
    if as_json:
        print_json(me)
        return
    workspace = next((one for one in me.workspaces if one.workspace_id == me.workspace_id), None)
    print_facts(
        {
            "Name": me.actor.name if me.actor else "",
            "E-mail": me.user.email if me.user else "",
            "Workspace": workspace.workspace_name if workspace else me.workspace_id or "",
            "Role": _role(me.actor) if me.actor else "",
            "May": ", ".join(me.actor.permissions) if me.actor else "",
            "Id": me.actor.id if me.actor else "",
            "Server": api.url,
        }
    )


@account.command("update")
def update_me(
    name: Annotated[str | None, typer.Option(help="What people call you.")] = None,
    password: Annotated[
        bool, typer.Option("--password", help="Ask for a new password, and sign out elsewhere.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Change your name or your password. Asks for your password: no key may do this.

    \b
    Examples:
      nexus me update --name "Ada Lovelace"
      nexus me update --password
    """
    if name is None and not password:
        fail("Say what to change: --name NAME or --password.", 2)
    api = client()
    me = api.get_me()
    who = ask_credentials_of(me)
    new_password = ask_new_password() if password else UNSET
    with session(api.url, who, me.workspace_id) as signed_in:
        changed = signed_in.update_me(
            models.AccountPatch(
                name=UNSET if name is None else name,
                password=new_password,
                current_password=who.password if password else UNSET,
            )
        )
    changed.csrf_token = None  # that of a session which is over
    print_json(changed) if as_json else output().print("Your account is changed.")


@sessions.command("list")
def list_sessions(as_csv: Csv = False, as_json: Json = False) -> None:
    """List where you are signed in. Asks for your password: no key may do this.

    \b
    Examples:
      nexus session list
    """
    with own_session() as api:
        page = api.list_sessions()
    if as_json:
        print_json(page)
        return
    print_table(
        ["ID", "LAST USED", "ADDRESS", "PROGRAM"],
        [
            (
                one.id,
                one.last_used_at if as_csv else since(one.last_used_at),
                plain(one.address),
                "this command" if one.is_current else plain(one.user_agent),
            )
            for one in page.items
        ],
        empty="You are signed in nowhere.",
        as_csv=as_csv,
    )


@sessions.command("revoke")
def revoke_session(
    session_ids: Annotated[
        list[str], typer.Argument(metavar="ID...", help="As 'session list' shows them.")
    ],
    as_json: Json = False,
) -> None:
    """Sign out somewhere. Asks for your password: no key may do this.

    \b
    Examples:
      nexus session revoke 0199e7a0-...
    """
    with own_session() as api:
        for one in session_ids:
            api.revoke_session(one)
    count = len(session_ids)
    ended = "The session is over." if count == 1 else f"{count} sessions are over."
    print_json({"revoked": session_ids}) if as_json else output().print(ended)


@profile_commands.command("list")
def list_profiles(as_csv: Csv = False, as_json: Json = False) -> None:
    """List the profiles of this machine; their keys are not shown.

    \b
    Examples:
      nexus profile list
    """
    profiles = Profiles.load()
    current = os.environ.get("NEXUS_PROFILE") or profiles.current
    if as_json:
        print_json(
            {
                "items": [
                    {
                        "name": one.name,
                        "url": one.url,
                        "key_prefix": _prefix(one),
                        "is_current": one.name == current,
                    }
                    for one in profiles.profiles
                ]
            }
        )
        return
    print_table(
        ["NAME", "SERVER", "KEY", "CURRENT"],
        [
            (plain(one.name), plain(one.url), _prefix(one), "yes" if one.name == current else "")
            for one in profiles.profiles
        ],
        empty="There is no profile. 'nexus login URL' makes one.",
        as_csv=as_csv,
    )


@profile_commands.command("use")
def use_profile(name: Name, as_json: Json = False) -> None:
    """Let commands use this profile from now on.

    \b
    Examples:
      nexus profile use work
    """
    profiles = Profiles.load()
    chosen = _existing(profiles, name)
    profiles.with_current(chosen.name).save()
    sentence = f"Commands speak to {chosen.url} now."
    print_json({"current": chosen.name}) if as_json else output().print(plain(sentence))


@profile_commands.command("remove")
def remove_profile(name: Name, as_json: Json = False) -> None:
    """Forget a profile; its key stays good ('nexus logout' revokes it too).

    \b
    Examples:
      nexus profile remove work
    """
    profiles = Profiles.load()
    left = profiles.without(_existing(profiles, name).name)
    left.save()
    if as_json:
        print_json({"removed": name})
    else:
        output().print(f"The profile {plain(name)!r} is forgotten. {_choices(left)}".strip())


def _new_key(url: str, email: str | None, workspace: str | None) -> str:
    with session(url, ask_credentials(email)) as api:
        me = api.get_me()
        chosen = _chosen(me.workspaces, workspace)
        api.use_session(me.csrf_token or "", chosen.workspace_id)
        name = f"command line on {socket.gethostname()}"[:100]
        return api.create_key(models.KeyIn(name=name)).secret


def _chosen(found: list[models.MembershipOut], wanted: str | None) -> models.MembershipOut:
    fitting = [
        one for one in found if wanted is None or wanted in {one.workspace_id, one.workspace_name}
    ]
    if len(fitting) != 1:
        names = ", ".join(one.workspace_name for one in found) or "none"
        fail(f"Say which workspace with --workspace. You are in: {names}.", 6)
    return fitting[0]


def _revoke_key_of(profile: Profile) -> str | None:
    """Why the key could not be revoked; a key that is unknown already needs no revoking."""
    api = NexusClient(profile.url, profile.key)
    try:
        for one in every(lambda cursor: api.list_keys(cursor=cursor, limit=200)):
            if one.prefix == _prefix(profile):
                api.revoke_key(one.id)
                return None
    except ApiError as error:
        return None if error.status == 401 else error.detail
    except ServerNotReached as error:
        return str(error)
    return "the server does not list it."


def _existing(profiles: Profiles, name: str) -> Profile:
    profile = profiles.find(name)
    if profile is None:
        names = ", ".join(one.name for one in profiles.profiles) or "none yet"
        fail(f"There is no profile {name!r}. There are: {names}.", 4)
    return profile


def _choices(profiles: Profiles) -> str:
    """What to do when no profile is the current one any more."""
    if profiles.find() or not profiles.profiles:
        return ""
    names = ", ".join(one.name for one in profiles.profiles)
    return f"'nexus profile use NAME' chooses another one: {plain(names)}."


def _prefix(profile: Profile) -> str:
    """The part of a key that names it and opens nothing."""
    parts = profile.key.split("_")
    return parts[1] if len(parts) > 2 else "?"


def _role(actor: models.ActorOut) -> str:
    return f"{actor.role or actor.kind}{' and owner' if actor.is_owner else ''}"
