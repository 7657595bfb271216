"""Events: facts in the past tense, written in the transaction that made them true.

The events table is the audit log, the activity feed and the source of everything live.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

import msgspec
from sqlalchemy import Executable, Uuid, bindparam, text

from nexus.platform.actor import Actor, ActorId, WorkspaceId
from nexus.platform.clock import now
from nexus.platform.ids import new_id
from nexus.platform.rows import EventRow


@dataclass(frozen=True, kw_only=True)
class Event:
    """The base of all events. A subclass names itself and says which field is its subject.

    Fields named `project_id` and `task_id` become columns; the others are the payload. An event
    carries ids and what would otherwise be lost, never what a reader can look up.
    `changes_access`: somebody may do less or more than before, so what is remembered of callers
    is forgotten.
    """

    name: ClassVar[str]
    schema: ClassVar[int] = 1
    subject_field: ClassVar[str]
    subject_noun: ClassVar[str] = ""
    changes_access: ClassVar[bool] = False

    @property
    def subject(self) -> str:
        """What it happened to, as `<noun>:<id>`; the noun is the name's first half unless said."""
        noun = self.subject_noun or self.name.partition(".")[0]
        return f"{noun}:{getattr(self, self.subject_field)}"

    @property
    def payload(self) -> dict[str, Any]:
        apart = {"project_id", "task_id"}
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in apart}


Changes = Mapping[str, tuple[Any, Any]]
"""What changed, as `{field: (old, new)}`."""


def changes_between(old: object, new: object, *names: str) -> Changes:
    """The named attributes in which two values of one type differ."""
    return {
        name: (getattr(old, name), getattr(new, name))
        for name in names
        if getattr(old, name) != getattr(new, name)
    }


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """An event with who did it, in which workspace and when."""

    id: UUID
    workspace_id: WorkspaceId
    actor_id: ActorId | None
    request_id: str | None
    recorded_at: datetime
    event: Event
    run_id: UUID | None = None
    fence: int | None = None


class EventLog:
    """The events of one transaction, buffered until its last act before the commit."""

    def __init__(self, request_id: str | None = None) -> None:
        self._request_id = request_id
        self.recorded: list[Recorded] = []
        self.refused: list[Recorded] = []

    def record(self, event: Event, *, by: Actor) -> None:
        """Record what `by` did; it becomes true with the commit."""
        one = self._recorded(event, by.workspace_id, by.id)
        if by.run_id:
            one = replace(one, run_id=by.run_id, fence=by.fence)
        self.recorded.append(one)

    def record_by_system(
        self, event: Event, *, workspace_id: WorkspaceId, run_id: UUID | None = None
    ) -> None:
        """Record what happened by itself: a day came, a limit was reached, in a run or in none."""
        one = self._recorded(event, workspace_id, None)
        self.recorded.append(replace(one, run_id=run_id))

    def record_refusal(
        self, event: Event, *, workspace_id: WorkspaceId, actor_id: ActorId | None
    ) -> None:
        """Record that something was refused; written though the transaction rolls back."""
        self.refused.append(self._recorded(event, workspace_id, actor_id))

    def _recorded(
        self, event: Event, workspace_id: WorkspaceId, actor_id: ActorId | None
    ) -> Recorded:
        return Recorded(
            id=new_id(),
            workspace_id=workspace_id,
            actor_id=actor_id,
            request_id=self._request_id,
            recorded_at=now(),
            event=event,
        )


ROWS_PER_STATEMENT = 500  # of 15 parameters each; databases take about 32,000 in a statement

Execute = Callable[[Executable, Mapping[str, Any]], Awaitable[Any]]

_LOCK = text("SELECT pg_advisory_xact_lock(:kind, :workspace)")


class AdvisoryLock(StrEnum):
    """The advisory locks of a workspace on PostgreSQL, in the order in which they are taken."""

    DISPATCH = "dispatch"
    GRAPH = "graph"
    EVENTS = "events"


def advisory_lock(lock: AdvisoryLock, workspace_id: UUID) -> tuple[Executable, Mapping[str, Any]]:
    """The statement that takes a workspace's lock until the transaction ends, and its parameters.

    32 random bits of the id: a collision only makes two workspaces wait for each other.
    """
    kind = {AdvisoryLock.GRAPH: 1, AdvisoryLock.EVENTS: 2, AdvisoryLock.DISPATCH: 3}[lock]
    workspace = int.from_bytes(workspace_id.bytes[-4:], "big", signed=True)
    return _LOCK, {"kind": kind, "workspace": workspace}


async def write_events(recorded: list[Recorded], execute: Execute, *, locking: bool) -> None:
    """Number events with their workspaces' next `seq` and write them.

    Must be the last act before the commit: whoever holds the lock commits next, so a reader that
    has seen number n has seen all before it. `locking` is off where there is one writer anyway.
    """
    by_workspace: defaultdict[WorkspaceId, list[Recorded]] = defaultdict(list)
    for one in recorded:
        by_workspace[one.workspace_id].append(one)

    for workspace_id in sorted(by_workspace):
        if locking:
            await execute(*advisory_lock(AdvisoryLock.EVENTS, workspace_id))
        events = by_workspace[workspace_id]
        for start in range(0, len(events), ROWS_PER_STATEMENT):
            chunk = events[start : start + ROWS_PER_STATEMENT]
            values = {
                f"{name}_{position}": value
                for position, one in enumerate(chunk, start=1)
                for name, value in _columns(one).items()
            }
            await execute(_insertion(len(chunk)), {"of": workspace_id, **values})


_NOT_WRITTEN = {"seq"}


@cache
def _insertion(count: int) -> Executable:
    """A statement for so many events, with the next numbers of the workspace `of`.

    Written out, because SQLAlchemy compiles an insert of several rows anew at every call.
    """
    columns = [c for c in EventRow.__table__.columns if c.name not in _NOT_WRITTEN]
    names = ", ".join(f'"{column.name}"' for column in columns)
    rows = ", ".join(
        f"((SELECT coalesce(max(seq), 0) FROM events WHERE workspace_id = :of) + {position}, "
        + ", ".join(f":{column.name}_{position}" for column in columns)
        + ")"
        for position in range(1, count + 1)
    )
    binds = [
        bindparam(f"{column.name}_{position}", type_=column.type)
        for position in range(1, count + 1)
        for column in columns
    ]
    statement = text(f"INSERT INTO events (seq, {names}) VALUES {rows}")
    return statement.bindparams(bindparam("of", type_=Uuid()), *binds)


def _columns(one: Recorded) -> dict[str, Any]:
    event = one.event
    return {
        "workspace_id": one.workspace_id,
        "id": one.id,
        "name": event.name,
        "schema": event.schema,
        "actor_id": one.actor_id,
        "subject": event.subject,
        "project_id": getattr(event, "project_id", None),
        "task_id": getattr(event, "task_id", None),
        "assignment_id": one.run_id,
        "fence": one.fence,
        "request_id": one.request_id,
        "recorded_at": one.recorded_at,
        "payload": msgspec.to_builtins(event.payload, str_keys=True),
    }
