"""Alerts on the wire."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from nexus.features.alerts.domain import Alert, AlertRule


class AlertOut(Struct, frozen=True):
    """`about` is the subject of the events that tell more; `cleared_at` null: it is still so."""

    id: UUID
    rule: AlertRule
    about: str
    message: str
    raised_at: datetime
    cleared_at: datetime | None

    @classmethod
    def of(cls, alert: Alert) -> "AlertOut":
        return cls(
            id=alert.id,
            rule=alert.rule,
            about=alert.about,
            message=alert.message,
            raised_at=alert.raised_at,
            cleared_at=alert.cleared_at,
        )


class AlertPage(Struct, frozen=True):
    items: list[AlertOut]
    next_cursor: str | None
