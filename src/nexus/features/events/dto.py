"""Events on the wire."""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from nexus.features.events.domain import EventActor, PastEvent
from nexus.platform.actor import ActorKind


class EventActorOut(Struct, frozen=True):
    id: UUID
    kind: ActorKind
    name: str

    @classmethod
    def of(cls, actor: EventActor) -> "EventActorOut":
        return cls(id=actor.id, kind=actor.kind, name=actor.name)


class EventOut(Struct, frozen=True):
    """`seq` is the workspace's own number, without gaps that a reader could fall into.

    `subject` is what it happened to, as `<noun>:<id>`.
    """

    seq: int
    id: UUID
    name: str
    schema: int
    actor: EventActorOut | None
    subject: str
    project_id: UUID | None
    task_id: UUID | None
    run_id: UUID | None
    fence: int | None
    request_id: str | None
    recorded_at: datetime
    payload: dict[str, Any]

    @classmethod
    def of(cls, event: PastEvent) -> "EventOut":
        return cls(
            seq=event.seq,
            id=event.id,
            name=event.name,
            schema=event.schema,
            actor=EventActorOut.of(event.actor) if event.actor else None,
            subject=event.subject,
            project_id=event.project_id,
            task_id=event.task_id,
            run_id=event.run_id,
            fence=event.fence,
            request_id=event.request_id,
            recorded_at=event.recorded_at,
            payload=dict(event.payload),
        )


class EventPage(Struct, frozen=True):
    items: list[EventOut]
    next_cursor: str | None
