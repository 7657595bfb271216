"""Saved views on the wire."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from nexus.features.tasks.domain import TaskSort, TaskStatus
from nexus.features.views.domain import View
from nexus.platform.fields import NO_NUL, Name, ProjectKey

_Words = Annotated[str, Meta(pattern=NO_NUL, max_length=200)]
_Condition = Annotated[str, Meta(pattern="^[^=<>!\\x00]{1,100}((!=|<=|>=|=|<|>)[^\\x00]{0,200})?$")]
_UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_KEY = "[A-Za-z][A-Za-z0-9]{1,9}-[1-9][0-9]{0,8}"
_Few = Meta(max_length=50)


class ViewQueryIn(Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """The query of GET /tasks, parameter by parameter; what is not said does not filter."""

    status: Annotated[list[TaskStatus], _Few] = []
    priority: Annotated[list[Literal["critical", "high", "medium", "low", "none"]], _Few] = []
    project: Annotated[list[ProjectKey], _Few] = []
    label: Annotated[list[Name], _Few] = []
    field: Annotated[list[_Condition], _Few] = []
    repository: UUID | None = None
    assignee: Annotated[str, Meta(pattern=f"^(me|none|{_UUID})$")] | None = None
    parent: Annotated[str, Meta(pattern=f"^(none|{_KEY}|{_UUID})$")] | None = None
    created_by: UUID | None = None
    ready: bool | None = None
    waiting: bool | None = None
    archived: bool | None = None
    due_from: date | None = None
    due_until: date | None = None
    updated_since: Annotated[datetime, Meta(tz=True)] | None = None
    q: _Words | None = None
    sort: TaskSort | None = None


class ViewIn(Struct, forbid_unknown_fields=True, frozen=True):
    """`is_shared` shows it to everybody in the workspace."""

    name: Name
    query: ViewQueryIn
    is_shared: bool = False


class ViewPatch(Struct, forbid_unknown_fields=True, frozen=True):
    name: Name | UnsetType = UNSET
    query: ViewQueryIn | UnsetType = UNSET
    is_shared: bool | UnsetType = UNSET


class ViewOut(Struct, frozen=True):
    """`query` goes into GET /tasks as it stands here, parameter by parameter."""

    id: UUID
    name: str
    owner_id: UUID
    is_shared: bool
    query: dict[str, Any]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, view: View) -> "ViewOut":
        return cls(
            id=view.id,
            name=view.name,
            owner_id=view.owner_id,
            is_shared=view.is_shared,
            query=dict(view.query),
            version=view.version,
            created_at=view.created_at,
            updated_at=view.updated_at,
        )


class ViewPage(Struct, frozen=True):
    items: list[ViewOut]
    next_cursor: str | None
