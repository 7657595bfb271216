"""A custom field's definition and the values that it takes: pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NewType
from uuid import UUID

from nexus.features.fields.errors import FieldRequired, FieldValueInvalid
from nexus.features.projects.domain import ProjectId
from nexus.platform.actor import WorkspaceId

FieldId = NewType("FieldId", UUID)

MAX_TEXT = 2000
MAX_NUMBER = 1e300
_URL = re.compile(r"https?://[^\s\x00-\x1f]{1,2000}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class FieldType(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    CHOICE = "choice"
    URL = "url"
    MEMBER = "member"


@dataclass(frozen=True, kw_only=True)
class CustomField:
    """`key` is the name in a task's `custom`; `choices` are the values of a choice."""

    id: FieldId
    workspace_id: WorkspaceId
    project_id: ProjectId
    key: str
    name: str
    type: FieldType
    choices: tuple[str, ...]
    is_required: bool
    created_at: datetime

    def check(self, value: Any) -> None:
        """Raises FieldValueInvalid. Whether a member is there, the service has to look up."""
        why = self._complaint(value)
        if why:
            raise FieldValueInvalid(key=self.key, why=why, field=f"custom.{self.key}")

    def _complaint(self, value: Any) -> str | None:
        match self.type:
            case FieldType.TEXT:
                fits = isinstance(value, str) and len(value) <= MAX_TEXT
                return None if fits else f"a text of at most {MAX_TEXT} characters"
            case FieldType.NUMBER:
                is_number = isinstance(value, int | float) and not isinstance(value, bool)
                return None if is_number and -MAX_NUMBER <= value <= MAX_NUMBER else "a number"
            case FieldType.DATE:
                return None if _is_day(value) else "a day such as 2026-12-31"
            case FieldType.CHOICE:
                return None if value in self.choices else f"one of {', '.join(self.choices)}"
            case FieldType.URL:
                fits = isinstance(value, str) and _URL.fullmatch(value)
                return None if fits else "an address that begins with http:// or https://"
            case FieldType.MEMBER:
                return None if member_id(value) else "a member's or agent's id"


def check_values(
    fields: Sequence[CustomField], new: Mapping[str, Any], old: Mapping[str, Any] | None
) -> None:
    """Check what is new or changed against the definitions; values without one are free.

    `old` is None for a new task. Raises FieldValueInvalid or FieldRequired.
    """
    for field in fields:
        value = new.get(field.key)
        if value is None:
            was_there = old is None or old.get(field.key) is not None
            if field.is_required and was_there:
                raise FieldRequired(key=field.key, field=f"custom.{field.key}")
        elif old is None or _differs(value, old.get(field.key)):
            field.check(value)


def _differs(new: Any, old: Any) -> bool:
    return type(new) is not type(old) or new != old  # Python takes 1 and true for the same


def member_id(value: Any) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _is_day(value: Any) -> bool:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True
