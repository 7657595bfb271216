"""A task and the moves that it may make: pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Any, NewType, TypedDict
from uuid import UUID

from nexus.features.projects.domain import ProjectId
from nexus.features.tasks.errors import (
    AcceptanceItemNotFound,
    ReferenceUnknown,
    StatusNotAllowed,
    TaskArchived,
    TaskNotFinished,
    TaskNotFound,
)
from nexus.features.tasks.highlights import Highlight
from nexus.features.tasks.holds import Hold, RunState
from nexus.features.tasks.recurrence import Recurrence
from nexus.platform.actor import ActorId, ActorKind, WorkspaceId

TaskId = NewType("TaskId", UUID)
LabelId = NewType("LabelId", UUID)


class TaskStatus(StrEnum):
    BACKLOG = "backlog"
    TODO = "todo"
    IN_PROGRESS = "in_progress"
    IN_REVIEW = "in_review"
    DEFERRED = "deferred"
    DONE = "done"
    CANCELLED = "cancelled"

    @property
    def is_finished(self) -> bool:
        return self in {TaskStatus.DONE, TaskStatus.CANCELLED}


class Priority(IntEnum):
    """Stored as its number, so that the most urgent sorts first; shown by its name."""

    CRITICAL = 0
    HIGH = 1
    MEDIUM = 2
    LOW = 3
    NONE = 4

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, kw_only=True)
class TaskRef:
    """How a caller names a task: by id, or by key, a former one too."""

    text: str
    id: TaskId | None = None
    key: str | None = None

    @staticmethod
    def of(text: str) -> "TaskRef":
        """Raises TaskNotFound for what can be neither."""
        if _KEY.match(text):
            return TaskRef(text=text, key=text.upper())
        try:
            return TaskRef(text=text, id=TaskId(UUID(text)))
        except ValueError:
            raise TaskNotFound(id=text[:60]) from None

    @staticmethod
    def in_field(text: str, field: str) -> "TaskRef":
        """For a reference in a body. Raises ReferenceUnknown, which names the field."""
        try:
            return TaskRef.of(text)
        except TaskNotFound as error:
            raise ReferenceUnknown(id=text[:60], field=field) from error


@dataclass(frozen=True, kw_only=True)
class TaskBrief:
    """As much of a task as another one shows of it."""

    id: TaskId
    key: str
    title: str
    status: TaskStatus


@dataclass(frozen=True, kw_only=True)
class Assignee:
    id: ActorId
    kind: ActorKind
    name: str
    handle: str


@dataclass(frozen=True, kw_only=True)
class AcceptanceItem:
    """One thing that must be true before the task is done; the id stays when the text changes."""

    id: UUID
    text: str
    met_at: datetime | None = None
    met_by: ActorId | None = None


@dataclass(frozen=True, kw_only=True)
class TaskLink:
    """A relation that blocks nothing: to another task, or to a page somewhere."""

    id: UUID
    kind: str
    task: TaskBrief | None
    url: str | None
    title: str


class About(TypedDict):
    task_id: TaskId
    project_id: ProjectId
    key: str


@dataclass(frozen=True, kw_only=True)
class Task:
    id: TaskId
    workspace_id: WorkspaceId
    project_id: ProjectId
    project_key: str
    number: int
    title: str
    description: str = ""
    details: str = ""
    test_strategy: str = ""
    acceptance: tuple[AcceptanceItem, ...] = ()
    status: TaskStatus = TaskStatus.TODO
    priority: Priority = Priority.NONE
    complexity_auto: int | None = None
    complexity_given: int | None = None
    complexity_manual: int | None = None
    due_on: date | None = None
    repository_id: UUID | None = None
    footprint: tuple[str, ...] = ()
    learned_footprint: tuple[str, ...] = ()
    parent_id: TaskId | None = None
    custom: Mapping[str, Any] = field(default_factory=dict[str, Any])
    rank: str
    version: int = 1
    created_by: ActorId
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    archived_at: datetime | None = None
    open_dependencies: int = 0
    open_subtasks: int = 0
    unlock_depth: int = 0
    unlock_count: int = 0
    labels: tuple[str, ...] = ()
    assignees: tuple[Assignee, ...] = ()
    parent: TaskBrief | None = None
    dependencies: tuple[TaskBrief, ...] = ()
    links: tuple[TaskLink, ...] = ()
    recurrence: Recurrence | None = None
    hold: Hold | None = None

    @property
    def key(self) -> str:
        return f"{self.project_key}-{self.number}"

    @property
    def is_finished(self) -> bool:
        return self.status.is_finished

    @property
    def complexity(self) -> int | None:
        return self.complexity_manual or self.complexity_auto

    @property
    def complexity_said(self) -> int | None:
        """What people or a file say of it; no estimate."""
        return self.complexity_manual or self.complexity_given

    @property
    def paths(self) -> tuple[str, ...]:
        """The patterns of the files that the task is about: those said, else those learned."""
        return self.footprint or self.learned_footprint

    def is_ready_for(self, actor_id: ActorId) -> bool:
        assigned = {assignee.id for assignee in self.assignees}
        return (
            self.status is TaskStatus.TODO
            and not self.open_dependencies
            and not self.open_subtasks
            and (not assigned or actor_id in assigned)
        )

    def moved_to(self, status: TaskStatus, *, at: datetime) -> "Task":
        """The task in another status; itself if it is there already.

        Open tasks move freely; a finished one only goes back to todo, which reopens it.
        """
        if status is self.status:
            return self
        self.check_not_archived()
        if self.is_finished and status is not TaskStatus.TODO:
            raise StatusNotAllowed(key=self.key, status=self.status.value, to=status.value)
        starts = status is TaskStatus.IN_PROGRESS and self.started_at is None
        return replace(
            self,
            status=status,
            started_at=at if starts else self.started_at,
            finished_at=at if status.is_finished else None,
            version=self.version + 1,
            updated_at=at,
        )

    def archived(self, *, at: datetime) -> "Task":
        """The task in the archive; itself if it is there already."""
        if self.archived_at:
            return self
        if not self.is_finished:
            raise TaskNotFinished(key=self.key)
        return replace(self, archived_at=at)

    def with_item_met(self, item_id: UUID, *, by: ActorId | None, at: datetime) -> "Task":
        """The task with one acceptance item met by somebody, or (None) not met any more."""
        if all(item.id != item_id for item in self.acceptance):
            raise AcceptanceItemNotFound(id=item_id, key=self.key)
        items = tuple(
            replace(item, met_at=at if by else None, met_by=by) if item.id == item_id else item
            for item in self.acceptance
        )
        return replace(self, acceptance=items, version=self.version + 1, updated_at=at)

    def with_items_met(self, item_ids: Collection[UUID], *, by: ActorId, at: datetime) -> "Task":
        """The task with those of these items met that were not yet; for a change that counts."""
        items = tuple(
            replace(item, met_at=at, met_by=by)
            if item.id in item_ids and item.met_at is None
            else item
            for item in self.acceptance
        )
        return replace(self, acceptance=items)

    def let_go(self, state: RunState) -> "Task":
        """The task whose newest hold is over."""
        if self.hold is None:
            return self
        return replace(self, hold=replace(self.hold, is_live=False, run_state=state))

    def check_not_archived(self) -> None:
        if self.archived_at:
            raise TaskArchived(key=self.key)

    def brief(self) -> TaskBrief:
        return TaskBrief(id=self.id, key=self.key, title=self.title, status=self.status)

    def about(self) -> About:
        """What every event about a task says."""
        return About(task_id=self.id, project_id=self.project_id, key=self.key)


@dataclass(kw_only=True)
class TaskSummary:
    """A task as lists show it: without its long texts. `highlights` say where a search found it.

    Not frozen, though nothing changes it: that would double the time to make one, 50 to a page.
    """

    id: TaskId
    project_key: str
    number: int
    key: str
    title: str
    status: TaskStatus
    priority: Priority
    complexity: int | None
    due_on: date | None
    rank: str
    version: int
    created_at: datetime
    updated_at: datetime
    open_dependencies: int
    open_subtasks: int
    unlock_depth: int
    unlock_count: int
    labels: tuple[str, ...]
    assignees: tuple[Assignee, ...]
    parent: TaskBrief | None
    dependencies: tuple[TaskBrief, ...]
    hold: Hold | None
    highlights: tuple[Highlight, ...]


class TaskFields(TypedDict, total=False):
    """The fields of a task that a person writes, each only where it is given."""

    title: str
    description: str
    details: str
    test_strategy: str
    priority: Priority
    complexity_manual: int | None
    due_on: date | None
    repository_id: UUID | None
    custom: Mapping[str, Any]
    complexity_given: int | None
    footprint: tuple[str, ...]


class TaskEdit(TaskFields, total=False):
    """A change of a task. `acceptance` holds (known id or None, text) pairs."""

    acceptance: list[tuple[UUID | None, str]]
    labels: list[str]
    assignees: list[ActorId]
    parent: str | None
    archived: bool


@dataclass(frozen=True, kw_only=True)
class BulkItem:
    """One task's changes, if it is still at this version."""

    ref: TaskRef
    version: int
    edit: TaskEdit
    status: TaskStatus | None = None


@dataclass(frozen=True, kw_only=True)
class TaskDraft:
    """What a new task starts from."""

    project: str
    fields: TaskFields
    status: TaskStatus = TaskStatus.TODO
    acceptance: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    assignees: tuple[ActorId, ...] = ()
    parent: str | None = None
    dependencies: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ImportedTask:
    """A task from elsewhere with its new id. Its parent is here, or comes before it."""

    id: TaskId
    project: str
    fields: TaskFields
    status: TaskStatus
    acceptance: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    parent_id: TaskId | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class NewLink:
    """A relation to make: to another task, or to a page somewhere."""

    task_id: TaskId
    kind: str
    other_id: TaskId | None
    url: str | None
    title: str = ""


class TaskSort(StrEnum):
    """The orders of a list. `next` is the order in which to take ready tasks.

    `relevance` is for a search: best first, one page.
    """

    NEWEST = "newest"
    OLDEST = "oldest"
    UPDATED = "updated"
    PRIORITY = "priority"
    DUE = "due"
    RANK = "rank"
    KEY = "key"
    NEXT = "next"
    RELEVANCE = "relevance"


_KEY = re.compile(r"^[A-Za-z][A-Za-z0-9]{1,9}-[1-9][0-9]{0,8}$")
