"""What a route asks of its caller. Every route declares exactly one of these."""

from dataclasses import dataclass
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from nexus.platform.actor import PERMISSIONS, Actor, Caller, Permission
from nexus.platform.errors import Invalid, NotAllowed, NotAuthenticated

Connection = ASGIConnection[Any, Any, Any, Any]


class WorkspaceNotNamed(Invalid):
    code = "workspace.not_named"
    message = (
        "You are a member of several workspaces or of none: say which one with the header "
        "'X-Nexus-Workspace: <id>' or with ?workspace=<id>."
    )


@dataclass(frozen=True)
class Guard:
    """A rule about the sort of thing that a route does. `permission` is None where any will do."""

    permission: Permission | None
    needs_caller: bool = True
    needs_session: bool = False
    needs_workspace: bool = True

    async def __call__(self, connection: Connection, _: BaseRouteHandler) -> None:
        # Asynchronous, because a function that is not would be run in a thread, at 0.7 ms a call.
        caller = caller_of(connection)
        if not self.needs_caller:
            return
        if caller is None:
            raise NotAuthenticated
        if self.needs_session and caller.session_id is None:
            raise NotAllowed(permission="a signed-in session")
        if caller.actor is None and not self.needs_workspace:
            return
        actor = actor_of(caller)
        if self.permission and not actor.may(self.permission):
            raise NotAllowed(permission=self.permission)


def may(permission: str) -> Guard:
    """Only an actor with this permission, in the workspace that the request names."""
    if permission not in PERMISSIONS:
        raise ValueError(f"{permission!r} is no permission; see platform/actor.py")
    return Guard(Permission(permission))


def anyone() -> Guard:
    """Everybody, without a credential too."""
    return Guard(None, needs_caller=False)


def known() -> Guard:
    """Every credential that is ours, a key or a session, with or without a workspace."""
    return Guard(None, needs_workspace=False)


def may_anywhere(permission: str) -> Guard:
    """As `may`, and every session that names no workspace: what people do to get into one."""
    return Guard(Permission(permission), needs_workspace=False)


def signed_in() -> Guard:
    """A person with a session: what concerns an account and not a workspace. No key will do."""
    return Guard(None, needs_session=True, needs_workspace=False)


def signed_in_member() -> Guard:
    """A person with a session, in the workspace that the request names."""
    return Guard(None, needs_session=True)


def guard_of(handler: BaseRouteHandler) -> Guard:
    """The guard that a route, or its controller, declares. Raises LookupError without one."""
    declared = [
        guard
        for layer in handler.ownership_layers
        for guard in layer.guards or ()  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        if isinstance(guard, Guard)
    ]
    if not declared:
        raise LookupError(f"The route {handler} declares no guard.")
    return declared[-1]


def caller_of(connection: Connection) -> Caller | None:
    return connection.scope["state"].get("caller")


def actor_of(caller: Caller | None) -> Actor:
    if caller is None:
        raise NotAuthenticated
    if caller.actor is None:
        raise WorkspaceNotNamed
    return caller.actor
