"""Workspaces, their users and invitations on the command line."""

from typing import Annotated

import typer
from msgspec import UNSET

from nexus.platform.cli import (
    Csv,
    Cursor,
    Json,
    Limit,
    client,
    fail,
    group,
    messages,
    output,
    plain,
    print_json,
    print_more,
    print_table,
    since,
)
from nexus.platform.facts import print_facts
from nexus.platform.finding import every, find_user_id, is_id, the_one
from nexus.platform.signing_in import ask, ask_credentials, ask_new_password, own_session, session
from nexus_client import models
from nexus_client.client import NexusClient
from nexus_client.connection import ApiError

User = Annotated[
    str, typer.Argument(metavar="USER", help="The member's @handle, e-mail address, name or id.")
]
Version = Annotated[int | None, typer.Option(help="Only if it is still at this version.")]
Role = Annotated[str | None, typer.Option(help="admin developer viewer")]

users = group("user", "Look at the members of the workspace, invite and remove them.")
invitations = group("invitation", "Look at open invitations, withdraw or accept them.")
workspaces = group("workspace", "Look at workspaces, make, rename and leave them.")


@users.command("list")
def list_users(
    limit: Limit = 50, cursor: Cursor = None, as_csv: Csv = False, as_json: Json = False
) -> None:
    """List the members of the workspace with their roles.

    \b
    Examples:
      nexus user list
      nexus user list --json | jq -r '.items[].id'
    """
    page = client().list_users(limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(
        ["NAME", "HANDLE", "E-MAIL", "ROLE", *(["ID"] if as_csv else [])],
        [
            (
                plain(one.name),
                one.handle,
                plain(one.email),
                _role(one),
                *([one.id] if as_csv else []),
            )
            for one in page.items
        ],
        empty="Nobody is here.",
        as_csv=as_csv,
    )
    print_more(page.next_cursor)


@users.command("get")
def get_user(user: User, as_json: Json = False) -> None:
    """Show a member.

    \b
    Examples:
      nexus user get @grace
      nexus user get grace@example.com --json
    """
    api = client()
    found = api.get_user(find_user_id(api, user))
    if as_json:
        print_json(found)
        return
    print_facts(
        {
            "Name": f"{found.name} (@{found.handle})",
            "E-mail": found.email,
            "Role": _role(found),
            "Joined": since(found.joined_at),
            "Version": str(found.version),
            "Id": found.id,
        }
    )


@users.command("update")
def update_user(
    user: User,
    role: Role = None,
    owner: Annotated[
        bool | None, typer.Option("--owner/--no-owner", help="Owners are admins for good.")
    ] = None,
    version: Version = None,
    as_json: Json = False,
) -> None:
    """Change a member's role or ownership; admins may, ownership is for owners to give.

    \b
    Examples:
      nexus user update @grace --role viewer
      nexus user update @grace --role admin --owner
    """
    if role is None and owner is None:
        fail("Say what to change: --role ROLE or --owner.", 2)
    api = client()
    patch = models.UserPatch(
        role=UNSET if role is None else role,  # pyright: ignore[reportArgumentType] - the server says what is wrong
        is_owner=UNSET if owner is None else owner,
    )
    changed = api.update_user(find_user_id(api, user), patch, if_match=version)
    sentence = f"The role of {changed.name} is {_role(changed)} now."
    print_json(changed) if as_json else output().print(plain(sentence))


@users.command("remove")
def remove_user(user: User, as_json: Json = False) -> None:
    """Remove a member from the workspace at once; what they did stays.

    \b
    Examples:
      nexus user remove @grace
    """
    api = client()
    user_id = find_user_id(api, user)
    api.remove_user(user_id)
    print_json({"removed": user_id}) if as_json else output().print(f"{plain(user)} is removed.")


@users.command("invite")
def invite_user(
    email: Annotated[
        str | None, typer.Argument(metavar="EMAIL", help="Whom to invite, or use --github.")
    ] = None,
    github: Annotated[str | None, typer.Option(help="A GitHub login, instead of EMAIL.")] = None,
    role: Annotated[str, typer.Option(help="admin developer viewer")] = "developer",
    as_json: Json = False,
) -> None:
    """Invite somebody. The link is shown this once: pass it on, whoever has it can join.

    \b
    Examples:
      nexus user invite grace@example.com
      nexus user invite --github octocat --role viewer
    """
    new = client().invite_user(
        models.UserIn(email=email, github_login=github, role=role)  # pyright: ignore[reportArgumentType]
    )
    if as_json:
        print_json(new)
        return
    output().print(plain(new.link))
    until = new.invitation.expires_at[:10]
    messages().print(
        f"Pass this link on: it is not shown again, and good until {until}. "
        "'nexus invitation accept LINK' takes it."
    )


@invitations.command("list")
def list_invitations(
    limit: Limit = 50, cursor: Cursor = None, as_csv: Csv = False, as_json: Json = False
) -> None:
    """List invitations that nobody has accepted yet.

    \b
    Examples:
      nexus invitation list
    """
    page = client().list_invitations(limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(
        ["ID", "WHO", "ROLE", "UNTIL"],
        [
            (
                one.id,
                plain(_invited(one)),
                one.role,
                one.expires_at if as_csv else one.expires_at[:10],
            )
            for one in page.items
        ],
        empty="No invitation is open. 'nexus user invite EMAIL' makes one.",
        as_csv=as_csv,
    )
    print_more(page.next_cursor)


@invitations.command("revoke")
def revoke_invitation(
    invitation: Annotated[
        str,
        typer.Argument(metavar="INVITATION", help="Its id, or the address or login invited."),
    ],
    as_json: Json = False,
) -> None:
    """Withdraw an invitation: its link is good no longer.

    \b
    Examples:
      nexus invitation revoke grace@example.com
    """
    api = client()
    invitation_id = _invitation_id(api, invitation)
    api.revoke_invitation(invitation_id)
    done = {"revoked": invitation_id}
    print_json(done) if as_json else output().print("The invitation is withdrawn.")


@invitations.command("accept")
def accept_invitation(
    link: Annotated[str, typer.Argument(metavar="LINK", help="The link as you were sent it.")],
    sign_in: Annotated[
        bool, typer.Option("--sign-in", help="Join with the account that you have there already.")
    ] = False,
    email: Annotated[
        str | None, typer.Option(help="Your address, if you were not invited by it.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Your name; asked for if not said.")] = None,
    as_json: Json = False,
) -> None:
    """Join a workspace: with a new account, or (--sign-in) with the one that you have.

    \b
    Examples:
      nexus invitation accept 'https://nexus.example.com/join#...'
      nexus invitation accept 'https://nexus.example.com/join#...' --sign-in
    """
    url, _, token = link.partition("/join#")
    if not token:
        fail("That is no invitation's link: it looks like https://SERVER/join#TOKEN.", 6)
    if sign_in:
        with session(url, ask_credentials(email)) as api:
            joined = api.accept_invitation(models.AcceptanceIn(token=token))
    else:
        joined = _accepted(url, token, email, name)
    sentence = f"You are in, as {joined.role}. Now: nexus login {url}"
    print_json(joined) if as_json else output().print(plain(sentence))


@workspaces.command("list")
def list_workspaces(as_csv: Csv = False, as_json: Json = False) -> None:
    """List the workspaces that you are a member of.

    \b
    Examples:
      nexus workspace list
    """
    me = client().get_me()
    if as_json:
        print_json({"items": me.workspaces, "next_cursor": None})
        return
    print_table(
        ["ID", "NAME", "ROLE", "CURRENT"],
        [
            (
                one.workspace_id,
                plain(one.workspace_name),
                _role(one),
                "yes" if one.workspace_id == me.workspace_id else "",
            )
            for one in me.workspaces
        ],
        empty="You are in no workspace of your own: the key is an agent's.",
        as_csv=as_csv,
    )


@workspaces.command("get")
def get_workspace(as_json: Json = False) -> None:
    """Show the workspace that the profile's key belongs to.

    \b
    Examples:
      nexus workspace get
      nexus --profile other workspace get --json
    """
    api = client()
    found = api.get_workspace(api.get_me().workspace_id)
    if as_json:
        print_json(found)
        return
    console = output()
    console.print(f"[bold]{plain(found.name)}[/bold]")
    console.print(f"Made {since(found.created_at)}, at version {found.version}. Id: {found.id}")


@workspaces.command("create")
def create_workspace(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    as_json: Json = False,
) -> None:
    """Create a workspace and become its owner, where the server allows it.

    \b
    Examples:
      nexus workspace create "Research"
    """
    api = client()
    joined = api.create_workspace(models.WorkspaceIn(name=name))
    if as_json:
        print_json(joined)
        return
    output().print(f"{plain(name)} is yours.")
    messages().print(
        "A key belongs to one workspace. To work in this one: nexus login "
        f"{plain(api.url)} --workspace {joined.workspace_id} --name NAME"
    )


@workspaces.command("update")
def update_workspace(
    name: Annotated[str, typer.Option(help="What people call it from now on.")],
    version: Version = None,
    as_json: Json = False,
) -> None:
    """Rename the workspace that the profile's key belongs to; admins may.

    \b
    Examples:
      nexus workspace update --name "Research and development"
    """
    api = client()
    patch = models.WorkspacePatch(name=name)
    changed = api.update_workspace(api.get_me().workspace_id, patch, if_match=version)
    sentence = f"The workspace is called {changed.name} now."
    print_json(changed) if as_json else output().print(plain(sentence))


@workspaces.command("leave")
def leave_workspace(as_json: Json = False) -> None:
    """Leave the workspace of the profile. Asks for your password: no key may do this.

    \b
    Examples:
      nexus --profile other workspace leave
    """
    with own_session() as api:
        workspace_id = api.get_me().workspace_id
        api.leave_workspace()
    sentence = "You have left, and the profile's key opens nothing any more."
    print_json({"left": workspace_id}) if as_json else output().print(sentence)


users.command("show", hidden=True)(get_user)
users.command("edit", hidden=True)(update_user)
workspaces.command("show", hidden=True)(get_workspace)
workspaces.command("edit", hidden=True)(update_workspace)


def _accepted(url: str, token: str, email: str | None, name: str | None) -> models.JoinedOut:
    name = name or ask("Your name")
    account = models.AcceptanceIn(
        token=token, email=email or UNSET, name=name, password=ask_new_password()
    )
    try:
        return NexusClient(url, None).accept_invitation(account)
    except ApiError as error:
        match error.code:
            case "invitation.sign_in_first":
                fail(f"{error.detail} Say so with --sign-in.", 5)
            case "invitation.needs_account":
                fail(f"{error.detail} Give it with --email, or use --sign-in.", 6)
            case _:
                raise


def _invitation_id(api: NexusClient, wanted: str) -> str:
    if is_id(wanted):
        return wanted
    name = wanted.casefold()
    found = every(lambda cursor: api.list_invitations(cursor=cursor, limit=200))
    fitting = [one for one in found if _invited(one).casefold() == name]
    return the_one("open invitation for", wanted, fitting, "'nexus invitation list' shows all.").id


def _invited(one: models.InvitationOut) -> str:
    return one.email or one.github_login or "?"


def _role(one: models.MemberOut | models.MembershipOut) -> str:
    return f"{one.role} and owner" if one.is_owner else one.role
