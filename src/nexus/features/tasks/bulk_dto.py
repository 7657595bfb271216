"""Changes of many tasks on the wire."""

from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from nexus.features.tasks.domain import BulkItem, Task, TaskEdit, TaskRef, TaskStatus
from nexus.features.tasks.dto import Ref, TaskPatch


class BulkItemIn(TaskPatch, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The changes of one task, if it is still at this version."""

    task: Ref
    version: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    status: TaskStatus | UnsetType = UNSET

    def item(self) -> BulkItem:
        edit: dict[str, Any] = {**self.edit()}
        status = edit.pop("status", None)
        del edit["task"], edit["version"]
        return BulkItem(
            ref=TaskRef.in_field(self.task, "items"),
            version=self.version,
            edit=TaskEdit(**edit),
            status=status,
        )


class BulkIn(Struct, forbid_unknown_fields=True, frozen=True):
    """All of it or nothing."""

    items: Annotated[list[BulkItemIn], Meta(min_length=1, max_length=200)]


class BulkItemOut(Struct, frozen=True):
    id: UUID
    key: str
    version: int
    status: TaskStatus

    @classmethod
    def of(cls, task: Task) -> "BulkItemOut":
        return cls(id=task.id, key=task.key, version=task.version, status=task.status)


class BulkOut(Struct, frozen=True):
    """The tasks in the order in which they were asked for."""

    items: list[BulkItemOut]
