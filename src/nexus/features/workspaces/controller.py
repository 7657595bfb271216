"""Workspaces, their members and invitations over HTTP."""

from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.di import Provide
from msgspec import UNSET

from nexus.features.identity.service import UserService
from nexus.features.identity.wiring import user_service
from nexus.features.workspaces.domain import InvitationId
from nexus.features.workspaces.dto import (
    AcceptanceIn,
    InvitationOut,
    InvitationPage,
    JoinedOut,
    MemberOut,
    MemberPage,
    NewInvitationOut,
    UserIn,
    UserPatch,
    WorkspaceIn,
    WorkspaceOut,
    WorkspacePatch,
)
from nexus.features.workspaces.errors import WorkspaceNotFound
from nexus.features.workspaces.service import (
    InvitationService,
    MemberService,
    MemberWithUser,
    WorkspaceService,
)
from nexus.features.workspaces.wiring import (
    invitation_service,
    member_service,
    workspace_service,
)
from nexus.platform.actor import Actor, ActorId, Caller, Role, WorkspaceId
from nexus.platform.errors import NotAuthenticated
from nexus.platform.http.answers import (
    CursorParameter,
    IfMatch,
    Limit,
    expected_version,
    paged,
    versioned,
)
from nexus.platform.http.guards import anyone, may, may_anywhere, signed_in_member


class WorkspaceController(Controller):
    path = "/workspaces"
    tags = ["Workspaces"]
    dependencies = {
        "workspaces": Provide(workspace_service, sync_to_thread=False),
        "users": Provide(user_service, sync_to_thread=False),
    }

    @post(
        guards=[may_anywhere("workspaces:create")],
        operation_id="createWorkspace",
        summary="Create a workspace and become its owner",
    )
    async def create(
        self,
        data: WorkspaceIn,
        workspaces: WorkspaceService,
        users: UserService,
        caller: Caller,
        workspace_creation_open: bool,
    ) -> JoinedOut:
        user = await users.find(caller.user_id) if caller.user_id else None
        if user is None:
            raise NotAuthenticated
        actor = await workspaces.create(data.name, user, is_open=workspace_creation_open)
        return JoinedOut(workspace_id=actor.workspace_id, actor_id=actor.id, role=Role.ADMIN)

    @get(
        "/{workspace_id:uuid}",
        guards=[may("workspaces:read")],
        operation_id="getWorkspace",
        summary="Get a workspace",
    )
    async def get_workspace(
        self, workspace_id: UUID, workspaces: WorkspaceService, actor: Actor
    ) -> Response[WorkspaceOut]:
        _check_own(workspace_id, actor)
        return versioned(WorkspaceOut.of(await workspaces.get(WorkspaceId(workspace_id))))

    @patch(
        "/{workspace_id:uuid}",
        guards=[may("workspaces:write")],
        operation_id="updateWorkspace",
        summary="Rename a workspace",
    )
    async def update(
        self,
        workspace_id: UUID,
        data: WorkspacePatch,
        workspaces: WorkspaceService,
        actor: Actor,
        if_match: IfMatch = None,
    ) -> Response[WorkspaceOut]:
        _check_own(workspace_id, actor)
        if data.name is UNSET:
            return versioned(WorkspaceOut.of(await workspaces.get(actor.workspace_id)))
        updated = await workspaces.update(
            actor.workspace_id, name=data.name, version=expected_version(if_match), by=actor
        )
        return versioned(WorkspaceOut.of(updated))


class UserController(Controller):
    path = "/users"
    tags = ["Users"]
    dependencies = {
        "members": Provide(member_service, sync_to_thread=False),
        "invitations": Provide(invitation_service, sync_to_thread=False),
    }

    @get(
        guards=[may("users:read")],
        operation_id="listUsers",
        summary="List the workspace's members with their roles",
    )
    async def list_users(
        self,
        request: Request[Any, Any, Any],
        members: MemberService,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[MemberPage]:
        page = await members.list_members(cursor, limit)
        items = [_out(one) for one in page.items]
        return paged(request, MemberPage(items=items, next_cursor=page.next_cursor))

    @post(
        guards=[may("users:write")],
        opt={"answers_secret": True},
        operation_id="inviteUser",
        summary="Invite somebody, by e-mail address or GitHub login",
    )
    async def invite(
        self, data: UserIn, invitations: InvitationService, actor: Actor, public_url: str
    ) -> NewInvitationOut:
        new = await invitations.invite(
            email=data.email, github_login=data.github_login, role=data.role, by=actor
        )
        return NewInvitationOut.of(new, public_url)

    @get(
        "/{user_id:uuid}",
        guards=[may("users:read")],
        operation_id="getUser",
        summary="Get a member",
    )
    async def get_user(self, user_id: UUID, members: MemberService) -> Response[MemberOut]:
        return versioned(_out(await members.get(ActorId(user_id))))

    @patch(
        "/{user_id:uuid}",
        guards=[may("users:write")],
        operation_id="updateUser",
        summary="Change a member's role or ownership",
    )
    async def update(
        self,
        user_id: UUID,
        data: UserPatch,
        members: MemberService,
        actor: Actor,
        if_match: IfMatch = None,
    ) -> Response[MemberOut]:
        updated = await members.update(
            ActorId(user_id),
            role=None if data.role is UNSET else data.role,
            is_owner=None if data.is_owner is UNSET else data.is_owner,
            version=expected_version(if_match),
            by=actor,
        )
        return versioned(_out(updated))

    @delete(
        "/{user_id:uuid}",
        guards=[may("users:write")],
        operation_id="removeUser",
        summary="Remove a member",
    )
    async def remove(self, user_id: UUID, members: MemberService, actor: Actor) -> None:
        await members.remove(ActorId(user_id), by=actor)


class MembershipController(Controller):
    path = "/me/membership"
    tags = ["Account"]
    dependencies = {"members": Provide(member_service, sync_to_thread=False)}

    @delete(
        guards=[signed_in_member()],
        operation_id="leaveWorkspace",
        summary="Leave the workspace; the last owner cannot",
    )
    async def leave(self, members: MemberService, actor: Actor) -> None:
        await members.remove(actor.id, by=actor)


class InvitationController(Controller):
    path = "/invitations"
    tags = ["Users"]
    dependencies = {"invitations": Provide(invitation_service, sync_to_thread=False)}

    @get(
        guards=[may("users:write")],
        operation_id="listInvitations",
        summary="List invitations that nobody has accepted yet",
    )
    async def list_invitations(
        self,
        request: Request[Any, Any, Any],
        invitations: InvitationService,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[InvitationPage]:
        page = await invitations.list_invitations(cursor, limit)
        items = [InvitationOut.of(one) for one in page.items]
        return paged(request, InvitationPage(items=items, next_cursor=page.next_cursor))

    @delete(
        "/{invitation_id:uuid}",
        guards=[may("users:write")],
        operation_id="revokeInvitation",
        summary="Withdraw an invitation",
    )
    async def revoke(
        self, invitation_id: UUID, invitations: InvitationService, actor: Actor
    ) -> None:
        await invitations.revoke(InvitationId(invitation_id), by=actor)

    @post(
        "/acceptances",
        guards=[anyone()],
        opt={"public": True, "body_is_secret": True},
        operation_id="acceptInvitation",
        summary="Join a workspace with an invitation's token",
    )
    async def accept(
        self, data: AcceptanceIn, invitations: InvitationService, caller: Caller | None
    ) -> JoinedOut:
        member = await invitations.accept(
            data.token,
            email=data.email,
            name=data.name,
            password=data.password,
            signed_in=caller.user_id if caller and caller.session_id else None,
        )
        return JoinedOut.of(member)


def _check_own(workspace_id: UUID, actor: Actor) -> None:
    if workspace_id != actor.workspace_id:
        raise WorkspaceNotFound(id=workspace_id)


def _out(one: MemberWithUser) -> MemberOut:
    return MemberOut.of(one.member, one.user.email)
