"""How the services of workspaces are put together."""

from datetime import timedelta

from nexus.features.identity.wiring import user_service
from nexus.features.tasks.wiring import hold_service
from nexus.features.workspaces.repository import (
    InvitationRepository,
    MemberRepository,
    WorkspaceRepository,
)
from nexus.features.workspaces.service import InvitationService, MemberService, WorkspaceService
from nexus.platform.database import Transaction


def workspace_service(tx: Transaction) -> WorkspaceService:
    return WorkspaceService(tx, WorkspaceRepository(tx), tx.events)


def member_service(tx: Transaction) -> MemberService:
    members = MemberRepository(tx, tx.workspace_id)
    return MemberService(members, user_service(tx), hold_service(tx), tx.events)


def invitation_service(tx: Transaction, invitation_lifetime: timedelta) -> InvitationService:
    return InvitationService(
        tx,
        InvitationRepository(tx),
        user_service(tx),
        tx.events,
        lifetime=invitation_lifetime,
    )
