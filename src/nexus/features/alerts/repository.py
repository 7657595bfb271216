"""Alerts in and out of the database, and what their rules look at."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, select, update

from nexus.features.alerts.domain import Alert, AlertId, AlertRule
from nexus.features.alerts.tables import AlertRow
from nexus.platform.actor import WorkspaceId
from nexus.platform.database import Transaction
from nexus.platform.paging import Page, page_of, read_cursor
from nexus.platform.rows import EventRow, WorkspaceRow

REFUSALS = ("key.refused", "session.refused")


class AlertRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def list_page(
        self, cursor: str | None, limit: int, *, is_open: bool | None
    ) -> Page[Alert]:
        """The newest first."""
        query = select(AlertRow).where(AlertRow.workspace_id == self._tx.workspace_id)
        if is_open is not None:
            query = query.where(
                AlertRow.cleared_at.is_(None) if is_open else AlertRow.cleared_at.is_not(None)
            )
        if cursor:
            (last,) = read_cursor("alerts", cursor, tuple[UUID])
            query = query.where(AlertRow.id < last)
        found = await self._tx.execute(query.order_by(AlertRow.id.desc()).limit(limit + 1))
        return page_of([_alert(row) for row in found], limit, "alerts", lambda one: (one.id,))

    async def list_open(self) -> Sequence[Alert]:
        """All that are open in the workspace, locked where others may clear them."""
        found = await self._tx.execute(
            select(AlertRow)
            .where(AlertRow.workspace_id == self._tx.workspace_id, AlertRow.cleared_at.is_(None))
            .with_for_update()
        )
        return [_alert(row) for row in found]

    async def add(self, alert: Alert) -> None:
        await self._tx.execute(
            insert(AlertRow).values(
                id=alert.id,
                workspace_id=alert.workspace_id,
                rule=alert.rule.value,
                about=alert.about,
                message=alert.message,
                raised_at=alert.raised_at,
                cleared_at=None,
            )
        )

    async def save(self, alert: Alert) -> None:
        await self._tx.execute(
            update(AlertRow)
            .where(AlertRow.workspace_id == self._tx.workspace_id, AlertRow.id == alert.id)
            .values(message=alert.message, cleared_at=alert.cleared_at)
        )

    async def count_refusals(self, since: datetime) -> dict[str, int]:
        """How often credentials were refused in the workspace, by the subject of the events."""
        found = await self._tx.execute(
            select(EventRow.subject, func.count().label("times"))
            .where(
                EventRow.workspace_id == self._tx.workspace_id,
                EventRow.name.in_(REFUSALS),
                EventRow.recorded_at >= since,
            )
            .group_by(EventRow.subject)
        )
        return {row.subject: row.times for row in found}

    async def list_workspaces(self, after: WorkspaceId | None, limit: int) -> list[WorkspaceId]:
        """For the job alone, which looks at all of them."""
        query = select(WorkspaceRow.id).order_by(WorkspaceRow.id).limit(limit)
        if after:
            query = query.where(WorkspaceRow.id > after)
        return [WorkspaceId(one) for one in (await self._tx.execute(query)).scalars()]

    async def count_open(self) -> int:
        """In all workspaces, for whoever operates the server."""
        found = await self._tx.execute(
            select(func.count()).select_from(AlertRow).where(AlertRow.cleared_at.is_(None))
        )
        return found.scalar_one()


def _alert(row: Row[Any]) -> Alert:
    return Alert(
        id=AlertId(row.id),
        workspace_id=WorkspaceId(row.workspace_id),
        rule=AlertRule(row.rule),
        about=row.about,
        message=row.message,
        raised_at=row.raised_at,
        cleared_at=row.cleared_at,
    )
