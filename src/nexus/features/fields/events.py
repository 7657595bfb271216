"""What happens to custom fields."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from nexus.platform.events import Changes, Event


@dataclass(frozen=True, kw_only=True)
class _FieldEvent(Event):
    subject_field: ClassVar[str] = "field_id"

    field_id: UUID
    project_id: UUID
    key: str


@dataclass(frozen=True, kw_only=True)
class FieldCreated(_FieldEvent):
    name: ClassVar[str] = "field.created"

    type: str


@dataclass(frozen=True, kw_only=True)
class FieldUpdated(_FieldEvent):
    name: ClassVar[str] = "field.updated"

    changes: Changes


@dataclass(frozen=True, kw_only=True)
class FieldRemoved(_FieldEvent):
    """Values of it stay in the tasks, where they are free now."""

    name: ClassVar[str] = "field.removed"
