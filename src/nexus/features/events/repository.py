"""Events out of the database, always within one workspace and for one viewer."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Row, Text, Uuid, and_, cast, func, null, or_, select

from nexus.features.events.domain import (
    EventActor,
    EventFilter,
    HiddenProjects,
    PastEvent,
    without_keys,
)
from nexus.platform.actor import ActorId, ActorKind
from nexus.platform.database import Transaction
from nexus.platform.paging import Page, page_of, read_cursor
from nexus.platform.rows import ActorRow, EventRow
from nexus.platform.visibility import hidden_keys, private_projects, visible


class EventRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def list_page(
        self, which: EventFilter, cursor: str | None, limit: int
    ) -> Page[PastEvent]:
        order = "events newest" if which.is_newest_first else "events"
        query = self._events().where(*_conditions(which))
        if cursor:
            (last,) = read_cursor(order, cursor, tuple[int])
            beyond = EventRow.seq < last if which.is_newest_first else EventRow.seq > last
            query = query.where(beyond)
        by = EventRow.seq.desc() if which.is_newest_first else EventRow.seq
        found = await self._tx.execute(query.order_by(by).limit(limit + 1))
        return page_of([_event(row) for row in found], limit, order, lambda e: (e.seq,))

    async def beginning(self) -> tuple[int, HiddenProjects]:
        """The number of the newest event (0 without any), and what is hidden from whom."""
        newest = select(
            cast(null(), Uuid()).label("id"),
            cast(null(), Text()).label("key"),
            cast(null(), Uuid()).label("actor_id"),
            func.coalesce(func.max(EventRow.seq), 0).label("last"),
        ).where(EventRow.workspace_id == self._tx.workspace_id)
        projects = private_projects(self._tx).add_columns(cast(null(), Integer()).label("last"))
        rows = (await self._tx.execute(newest.union_all(projects))).all()
        last = next(row.last for row in rows if row.last is not None)
        return last, _hidden(row for row in rows if row.last is None)

    async def hidden_projects(self) -> HiddenProjects:
        return _hidden(await self._tx.execute(private_projects(self._tx)))

    def _events(self) -> Any:
        return (
            select(
                EventRow,
                ActorRow.kind.label("actor_kind"),
                ActorRow.name.label("actor_name"),
                hidden_keys(self._tx).label("hidden_keys"),
            )
            .outerjoin(ActorRow, ActorRow.id == EventRow.actor_id)
            .where(
                EventRow.workspace_id == self._tx.workspace_id,
                visible(EventRow.project_id, self._tx),
            )
        )


def _hidden(rows: Iterable[Row[Any]]) -> HiddenProjects:
    keys: dict[UUID, str] = {}
    members: defaultdict[UUID, set[ActorId]] = defaultdict(set)
    for row in rows:
        keys[row.id] = row.key
        members[row.id].add(row.actor_id)
    return HiddenProjects(keys, {one: frozenset(members[one]) for one in keys})


def _conditions(which: EventFilter) -> list[Any]:
    wanted: list[Any] = []
    if which.actor_id:
        wanted.append(EventRow.actor_id == which.actor_id)
    if which.names:
        exact = [name for name in which.names if not name.endswith(".*")]
        families = [name.removesuffix("*") for name in which.names if name.endswith(".*")]
        wanted.append(
            or_(
                EventRow.name.in_(exact),
                *[and_(EventRow.name >= f, EventRow.name < f + "\uffff") for f in families],
            )
        )
    if which.subject:
        wanted.append(EventRow.subject == which.subject)
    if which.task_id:
        wanted.append(EventRow.task_id == which.task_id)
    if which.run_id:
        wanted.append(EventRow.assignment_id == which.run_id)
    if which.since:
        wanted.append(EventRow.recorded_at >= which.since)
    if which.until:
        wanted.append(EventRow.recorded_at < which.until)
    if which.after is not None:
        wanted.append(EventRow.seq > which.after)
    return wanted


def _event(row: Row[Any]) -> PastEvent:
    return PastEvent(
        seq=row.seq,
        id=row.id,
        name=row.name,
        schema=row.schema,
        actor=EventActor(id=row.actor_id, kind=ActorKind(row.actor_kind), name=row.actor_name)
        if row.actor_id
        else None,
        subject=row.subject,
        project_id=row.project_id,
        task_id=row.task_id,
        run_id=row.assignment_id,
        fence=row.fence,
        request_id=row.request_id,
        recorded_at=row.recorded_at,
        payload=without_keys(row.payload, row.hidden_keys.split(","))
        if row.hidden_keys
        else row.payload,
    )
