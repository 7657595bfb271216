"""Raising alerts when their causes come, and clearing them when these are gone."""

from collections.abc import Mapping
from dataclasses import replace

from nexus.features.alerts.domain import (
    REFUSED_TIMES,
    REFUSED_WITHIN,
    Alert,
    AlertId,
    AlertRule,
    Cause,
    Causes,
)
from nexus.features.alerts.events import AlertCleared, AlertRaised
from nexus.features.alerts.repository import AlertRepository
from nexus.platform.actor import WorkspaceId
from nexus.platform.clock import now
from nexus.platform.database import Transaction
from nexus.platform.ids import new_id
from nexus.platform.paging import Page

_NOUNS = {"key": "key", "user": "password of the user"}


class AlertService:
    def __init__(self, alerts: AlertRepository, tx: Transaction) -> None:
        self._alerts = alerts
        self._tx = tx

    async def list_alerts(
        self, cursor: str | None, limit: int, *, is_open: bool | None
    ) -> Page[Alert]:
        return await self._alerts.list_page(cursor, limit, is_open=is_open)

    async def count_open(self) -> int:
        """In all workspaces."""
        return await self._alerts.count_open()

    async def list_workspaces(self, after: WorkspaceId | None, limit: int) -> list[WorkspaceId]:
        return await self._alerts.list_workspaces(after, limit)

    async def refusals(self) -> dict[Cause, str]:
        """Credentials of the workspace that were refused again and again."""
        counts = await self._alerts.count_refusals(now() - REFUSED_WITHIN)
        minutes = int(REFUSED_WITHIN.total_seconds() // 60)
        found: dict[Cause, str] = {}
        for subject, times in counts.items():
            if times >= REFUSED_TIMES:
                noun, _, own_id = subject.partition(":")
                found[AlertRule.CREDENTIAL_REFUSED, subject] = (
                    f"The {_NOUNS.get(noun, noun)} {own_id} was refused {times} times in "
                    f"{minutes} minutes: somebody guesses, or a program has an old one."
                )
        return found

    async def settle(self, causes: Causes) -> None:
        """Raise what is new, clear what is over, and say so."""
        open_alerts: Mapping[Cause, Alert] = {
            one.cause: one for one in await self._alerts.list_open()
        }
        for cause, message in causes.items():
            if cause not in open_alerts:
                await self._raise(*cause, message)
            elif open_alerts[cause].message != message:
                await self._alerts.save(replace(open_alerts[cause], message=message))
        for cause, alert in open_alerts.items():
            if cause not in causes:
                await self._alerts.save(replace(alert, cleared_at=now()))
                self._tx.events.record_by_system(
                    AlertCleared(alert_id=alert.id, rule=alert.rule, about=alert.about),
                    workspace_id=self._tx.workspace_id,
                )

    async def _raise(self, rule: AlertRule, about: str, message: str) -> None:
        alert = Alert(
            id=AlertId(new_id()),
            workspace_id=self._tx.workspace_id,
            rule=rule,
            about=about,
            message=message,
            raised_at=now(),
            cleared_at=None,
        )
        await self._alerts.add(alert)
        self._tx.events.record_by_system(
            AlertRaised(alert_id=alert.id, rule=rule, about=about),
            workspace_id=self._tx.workspace_id,
        )
