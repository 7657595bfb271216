"""Events as they are read back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from nexus.platform.actor import ActorId, ActorKind


@dataclass(frozen=True, kw_only=True)
class EventActor:
    id: ActorId
    kind: ActorKind
    name: str


@dataclass(frozen=True, kw_only=True)
class PastEvent:
    """`actor` is None where nobody could be made out, as with a refused sign-in."""

    seq: int
    id: UUID
    name: str
    schema: int
    actor: EventActor | None
    subject: str
    project_id: UUID | None
    task_id: UUID | None
    request_id: str | None
    recorded_at: datetime
    payload: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class EventFilter:
    """Which events; every part that is given must hold. `before` and `after` are numbers."""

    actor_id: ActorId | None = None
    names: tuple[str, ...] = ()
    subject: str | None = None
    task_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: int | None = None
    is_newest_first: bool = False
