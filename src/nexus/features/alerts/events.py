"""What happens to alerts."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from nexus.platform.events import Event


@dataclass(frozen=True, kw_only=True)
class AlertRaised(Event):
    """`about` is the subject of other events: what they say happened to it."""

    name: ClassVar[str] = "alert.raised"
    subject_field: ClassVar[str] = "alert_id"

    alert_id: UUID
    rule: str
    about: str


@dataclass(frozen=True, kw_only=True)
class AlertCleared(Event):
    name: ClassVar[str] = "alert.cleared"
    subject_field: ClassVar[str] = "alert_id"

    alert_id: UUID
    rule: str
    about: str
