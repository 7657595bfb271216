"""What happens to saved views."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from nexus.platform.events import Event


@dataclass(frozen=True, kw_only=True)
class _ViewEvent(Event):
    subject_field: ClassVar[str] = "view_id"

    view_id: UUID


@dataclass(frozen=True, kw_only=True)
class ViewCreated(_ViewEvent):
    name: ClassVar[str] = "view.created"


@dataclass(frozen=True, kw_only=True)
class ViewUpdated(_ViewEvent):
    """`changed` names what; a private view's content is nobody else's business."""

    name: ClassVar[str] = "view.updated"

    changed: list[str]


@dataclass(frozen=True, kw_only=True)
class ViewRemoved(_ViewEvent):
    name: ClassVar[str] = "view.removed"
