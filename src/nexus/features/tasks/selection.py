"""Which tasks a list shows: pure."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from nexus.features.tasks.domain import Priority, TaskRef, TaskStatus
from nexus.features.tasks.errors import CustomConditionUnclear
from nexus.platform.actor import ActorId


class Comparison(StrEnum):
    EQUAL = "="
    UNEQUAL = "!="
    BELOW = "<"
    AT_MOST = "<="
    ABOVE = ">"
    AT_LEAST = ">="


@dataclass(frozen=True, kw_only=True)
class CustomCondition:
    """What must hold of a value in `custom`; without a comparison, only that it is there.

    Numbers compare with numbers, texts with texts: dates as 2026-12-31 then stand in order.
    """

    key: str
    comparison: Comparison | None = None
    value: str = ""

    @staticmethod
    def of(text: str) -> "CustomCondition":
        """From `severity=high`, `points>=3` or `sprint`. Raises CustomConditionUnclear."""
        found = _CONDITION.match(text)
        if found is None:
            raise CustomConditionUnclear(given=text[:60], field="field")
        key, comparison, value = found.groups()
        return CustomCondition(
            key=key.strip(),
            comparison=Comparison(comparison) if comparison else None,
            value=(value or "").strip(),
        )


@dataclass(frozen=True, kw_only=True)
class TaskFilter:
    """Which tasks; every part that is given must hold. `ready_for` is who would take them.

    `is_waiting`: held up by an open dependency or subtask. Days are included.
    """

    statuses: tuple[TaskStatus, ...] = ()
    priorities: tuple[Priority, ...] = ()
    projects: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    repository_id: UUID | None = None
    assignee: ActorId | None = None
    is_unassigned: bool = False
    parent: TaskRef | None = None
    is_top_level: bool = False
    ready_for: ActorId | None = None
    is_waiting: bool | None = None
    due_from: date | None = None
    due_until: date | None = None
    updated_since: datetime | None = None
    created_by: ActorId | None = None
    custom: tuple[CustomCondition, ...] = ()
    words: tuple[str, ...] = ()
    is_archived: bool = False


_CONDITION = re.compile(r"^([^=<>!]{1,100}?)(?:(!=|<=|>=|=|<|>)(.{0,200}))?$", re.DOTALL)
