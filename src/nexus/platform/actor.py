"""Who is acting: people, agents, integrations and the system are one type with another kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NewType
from uuid import UUID

ActorId = NewType("ActorId", UUID)
UserId = NewType("UserId", UUID)
WorkspaceId = NewType("WorkspaceId", UUID)
CredentialId = NewType("CredentialId", UUID)

Permission = NewType("Permission", str)


class ActorKind(StrEnum):
    MEMBER = "member"
    AGENT = "agent"
    INTEGRATION = "integration"
    SYSTEM = "system"


class Role(StrEnum):
    ADMIN = "admin"
    DEVELOPER = "developer"
    VIEWER = "viewer"


def _permissions(*names: str) -> frozenset[Permission]:
    return frozenset(Permission(name) for name in names)


READING: Final = _permissions(
    "agents:read",
    "budgets:read",
    "events:read",
    "imports:read",
    "keys:read",
    "projects:read",
    "repositories:read",
    "tasks:read",
    "users:read",
    "views:read",
    "workspaces:read",
)
WORKING: Final = _permissions(
    "agents:write",
    "comments:write",
    "imports:write",
    "keys:write",
    "labels:write",
    "projects:write",
    "repositories:write",
    "tasks:claim",
    "tasks:write",
    "views:write",
    "workspaces:create",
)
ADMINISTERING: Final = _permissions(
    "alerts:read",
    "budgets:write",
    "jobs:read",
    "jobs:write",
    "users:write",
    "webhooks:read",
    "webhooks:write",
    "workspaces:write",
)

PERMISSIONS: Final = READING | WORKING | ADMINISTERING
"""Everything that a route, a tool or a command may ask for; these are the scopes of API keys."""

ROLE_PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.VIEWER: READING,
    Role.DEVELOPER: READING | WORKING,
    Role.ADMIN: PERMISSIONS,
}

AGENT_PERMISSIONS: Final = _permissions(
    "agents:read",
    "comments:write",
    "events:read",
    "labels:write",
    "projects:read",
    "repositories:read",
    "tasks:claim",
    "tasks:read",
    "tasks:write",
    "users:read",
    "views:read",
    "workspaces:read",
)
"""What the key of an agent may do at most, and does unless it is made for less."""

SELF_SERVICE: Final = _permissions("keys:write", "views:write", "workspaces:create")
"""What any person may do for themselves when signed in, a viewer too. A viewer's *key* may not."""


@dataclass(frozen=True, kw_only=True)
class Actor:
    """One who acts in one workspace. What a credential lacks in scope, the actor lacks here.

    `fence` is the number that the request shows to prove its hold of a task (Nexus-Fence), and
    `run_id` the run that what it writes belongs to, once that is known.
    """

    id: ActorId
    workspace_id: WorkspaceId
    kind: ActorKind
    name: str
    role: Role | None = None
    is_owner: bool = False
    user_id: UserId | None = None
    permissions: frozenset[Permission] = frozenset()
    fence: int | None = None
    run_id: UUID | None = None

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who sent a request: a credential, its person, and the actor in the workspace it names.

    A session may name no workspace (`actor` is None); a key always belongs to one.
    """

    credential_id: CredentialId
    user_id: UserId | None
    session_id: UUID | None
    actor: Actor | None
