"""Tasks on the wire."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from nexus.features.tasks.domain import (
    AcceptanceItem,
    Assignee,
    Priority,
    Task,
    TaskBrief,
    TaskDraft,
    TaskEdit,
    TaskFields,
    TaskLink,
    TaskStatus,
)
from nexus.features.tasks.holds import Hold, Holder
from nexus.features.tasks.recurrence import Recurrence, RecurrenceTrigger
from nexus.platform.actor import ActorId, ActorKind
from nexus.platform.fields import NO_NUL, Line, Name, ProjectKey, Text

PriorityWord = Literal["critical", "high", "medium", "low", "none"]
Ref = Annotated[str, Meta(max_length=60, examples=["API-42"], description="A task's key or id.")]
Complexity = Annotated[int, Meta(ge=1, le=10)]
Labels = Annotated[list[Name], Meta(max_length=50)]
Assignees = Annotated[list[UUID], Meta(max_length=50)]
Glob = Annotated[
    str,
    Meta(
        pattern="^[^\\x00-\\x1f]+$",
        min_length=1,
        max_length=300,
        examples=["src/api/**", "docs/*.md"],
    ),
]
Globs = Annotated[list[Glob], Meta(max_length=100)]
LinkKind = Annotated[
    str, Meta(pattern="^[a-z][a-z-]{1,49}$", examples=["related", "duplicates", "discovered-from"])
]
LinkUrl = Annotated[str, Meta(pattern="^https?://[^\\s\\x00-\\x1f]+$", max_length=2000)]


def priority_of(word: PriorityWord) -> Priority:
    return Priority[word.upper()]


class AcceptanceItemIn(Struct, forbid_unknown_fields=True, frozen=True):
    """`id` keeps what is known of an item while its text changes."""

    text: Line
    id: UUID | None = None


class TaskIn(Struct, forbid_unknown_fields=True, frozen=True):
    """A new task. `project` is the project's key."""

    project: ProjectKey
    title: Line
    description: Text = ""
    details: Text = ""
    test_strategy: Text = ""
    acceptance: Annotated[list[Line], Meta(max_length=100)] = []
    status: TaskStatus = TaskStatus.TODO
    priority: PriorityWord = "none"
    complexity_manual: Complexity | None = None
    labels: Labels = []
    due_on: date | None = None
    repository_id: UUID | None = None
    footprint: Globs = []
    parent: Ref | None = None
    dependencies: Annotated[list[Ref], Meta(max_length=100)] = []
    assignees: Assignees = []
    custom: dict[str, Any] = {}

    def draft(self) -> TaskDraft:
        return TaskDraft(
            project=self.project,
            fields=TaskFields(
                title=self.title,
                description=self.description,
                details=self.details,
                test_strategy=self.test_strategy,
                priority=priority_of(self.priority),
                complexity_manual=self.complexity_manual,
                due_on=self.due_on,
                repository_id=self.repository_id,
                footprint=tuple(self.footprint),
                custom=self.custom,
            ),
            status=self.status,
            acceptance=tuple(self.acceptance),
            labels=tuple(self.labels),
            assignees=tuple(ActorId(actor_id) for actor_id in self.assignees),
            parent=self.parent,
            dependencies=tuple(self.dependencies),
        )


class TaskPatch(Struct, forbid_unknown_fields=True, frozen=True):
    """What to change; everything else stays. Lists replace the list that was there."""

    title: Line | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    details: Text | UnsetType = UNSET
    test_strategy: Text | UnsetType = UNSET
    acceptance: Annotated[list[AcceptanceItemIn], Meta(max_length=100)] | UnsetType = UNSET
    priority: PriorityWord | UnsetType = UNSET
    complexity_manual: Complexity | UnsetType | None = UNSET
    labels: Labels | UnsetType = UNSET
    due_on: date | UnsetType | None = UNSET
    repository_id: UUID | UnsetType | None = UNSET
    footprint: Globs | UnsetType = UNSET
    parent: Ref | UnsetType | None = UNSET
    assignees: Assignees | UnsetType = UNSET
    custom: dict[str, Any] | UnsetType = UNSET
    archived: bool | UnsetType = UNSET

    def edit(self) -> TaskEdit:
        values: dict[str, Any] = {
            name: value
            for name in self.__struct_fields__
            if (value := getattr(self, name)) is not UNSET
        }
        if "priority" in values:
            values["priority"] = priority_of(values["priority"])
        if "footprint" in values:
            values["footprint"] = tuple(values["footprint"])
        if "acceptance" in values:
            values["acceptance"] = [(item.id, item.text) for item in values["acceptance"]]
        return TaskEdit(**values)


class TransferIn(Struct, forbid_unknown_fields=True, frozen=True):
    project: ProjectKey


class RecurrenceIn(Struct, forbid_unknown_fields=True, frozen=True):
    """A rule of RFC 5545 by whole days in UTC.

    `trigger` is what makes the next task: finishing this one, or its day in the calendar.
    """

    rule: Annotated[str, Meta(max_length=500, pattern=NO_NUL, examples=["FREQ=WEEKLY;BYDAY=MO"])]
    trigger: RecurrenceTrigger = RecurrenceTrigger.FINISH


class StatusIn(Struct, forbid_unknown_fields=True, frozen=True):
    status: TaskStatus


class PositionIn(Struct, forbid_unknown_fields=True, frozen=True):
    """The neighbour on the board: the task to stand right below, or right above."""

    after: Ref | None = None
    before: Ref | None = None


class DependencyIn(Struct, forbid_unknown_fields=True, frozen=True):
    depends_on: Ref


class LinkIn(Struct, forbid_unknown_fields=True, frozen=True):
    """To another `task`, or to a page at `url`."""

    kind: LinkKind
    task: Ref | None = None
    url: LinkUrl | None = None
    title: Annotated[str, Meta(pattern=NO_NUL, max_length=500)] = ""


class AcceptancePatch(Struct, forbid_unknown_fields=True, frozen=True):
    is_met: bool


class LabelPatch(Struct, forbid_unknown_fields=True, frozen=True):
    name: Name


class TaskBriefOut(Struct, frozen=True):
    id: UUID
    key: str
    title: str
    status: TaskStatus

    @classmethod
    def of(cls, task: TaskBrief) -> "TaskBriefOut":
        return cls(id=task.id, key=task.key, title=task.title, status=task.status)


class AssigneeOut(Struct, frozen=True):
    id: UUID
    kind: ActorKind
    name: str
    handle: str

    @classmethod
    def of(cls, assignee: Assignee) -> "AssigneeOut":
        return cls(id=assignee.id, kind=assignee.kind, name=assignee.name, handle=assignee.handle)


class AcceptanceItemOut(Struct, frozen=True):
    id: UUID
    text: str
    is_met: bool
    met_at: datetime | None
    met_by: UUID | None

    @classmethod
    def of(cls, item: AcceptanceItem) -> "AcceptanceItemOut":
        return cls(
            id=item.id,
            text=item.text,
            is_met=item.met_at is not None,
            met_at=item.met_at,
            met_by=item.met_by,
        )


class LinkOut(Struct, frozen=True):
    id: UUID
    kind: str
    task: TaskBriefOut | None
    url: str | None
    title: str

    @classmethod
    def of(cls, link: TaskLink) -> "LinkOut":
        return cls(
            id=link.id,
            kind=link.kind,
            task=TaskBriefOut.of(link.task) if link.task else None,
            url=link.url,
            title=link.title,
        )


class RecurrenceOut(Struct, frozen=True):
    """`next_on` is there where the calendar makes the next task."""

    rule: str
    trigger: RecurrenceTrigger
    starts_on: date
    next_on: date | None

    @classmethod
    def of(cls, one: Recurrence) -> "RecurrenceOut":
        return cls(rule=one.rule, trigger=one.trigger, starts_on=one.starts_on, next_on=one.next_on)


class HolderOut(Struct, frozen=True):
    id: UUID
    kind: ActorKind
    name: str

    @classmethod
    def of(cls, holder: Holder) -> "HolderOut":
        return cls(id=holder.id, kind=holder.kind, name=holder.name)


class HoldOut(Struct, frozen=True):
    """Who works on a task now. `expires_at` is null for people, who say themselves when it ends."""

    run_id: UUID
    fence: int
    holder: HolderOut
    heartbeat_at: datetime
    expires_at: datetime | None

    @classmethod
    def of(cls, hold: Hold) -> "HoldOut":
        return cls(
            run_id=hold.run_id,
            fence=hold.fence,
            holder=HolderOut.of(hold.holder),
            heartbeat_at=hold.heartbeat_at,
            expires_at=hold.expires_at,
        )


class TaskOut(Struct, frozen=True):
    """A whole task. `is_ready` says whether the caller could begin it now.

    Of its complexity counts the manual one, else `complexity_auto`: what a file or an accepted
    proposal said, else the estimate.
    """

    id: UUID
    key: str
    project: str
    title: str
    description: str
    details: str
    test_strategy: str
    acceptance: list[AcceptanceItemOut]
    status: TaskStatus
    priority: PriorityWord
    complexity: int | None
    complexity_auto: int | None
    complexity_manual: int | None
    labels: list[str]
    assignees: list[AssigneeOut]
    parent: TaskBriefOut | None
    dependencies: list[TaskBriefOut]
    links: list[LinkOut]
    recurrence: RecurrenceOut | None
    is_ready: bool
    open_dependencies: int
    open_subtasks: int
    unlock_depth: int
    unlock_count: int
    due_on: date | None
    repository_id: UUID | None
    footprint: list[str]
    learned_footprint: list[str]
    hold: HoldOut | None
    custom: dict[str, Any]
    rank: str
    version: int
    created_by: UUID
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    archived_at: datetime | None

    @classmethod
    def of(cls, task: Task, viewer: ActorId) -> "TaskOut":
        return cls(
            id=task.id,
            key=task.key,
            project=task.project_key,
            title=task.title,
            description=task.description,
            details=task.details,
            test_strategy=task.test_strategy,
            acceptance=[AcceptanceItemOut.of(item) for item in task.acceptance],
            status=task.status,
            priority=task.priority.word,  # pyright: ignore[reportArgumentType]
            complexity=task.complexity,
            complexity_auto=task.complexity_auto,
            complexity_manual=task.complexity_manual,
            labels=list(task.labels),
            assignees=[AssigneeOut.of(one) for one in task.assignees],
            parent=TaskBriefOut.of(task.parent) if task.parent else None,
            dependencies=[TaskBriefOut.of(one) for one in task.dependencies],
            links=[LinkOut.of(link) for link in task.links],
            recurrence=RecurrenceOut.of(task.recurrence) if task.recurrence else None,
            is_ready=task.is_ready_for(viewer),
            open_dependencies=task.open_dependencies,
            open_subtasks=task.open_subtasks,
            unlock_depth=task.unlock_depth,
            unlock_count=task.unlock_count,
            due_on=task.due_on,
            repository_id=task.repository_id,
            footprint=list(task.footprint),
            learned_footprint=list(task.learned_footprint),
            hold=HoldOut.of(task.hold) if task.hold and task.hold.is_live else None,
            custom=dict(task.custom),
            rank=task.rank,
            version=task.version,
            created_by=task.created_by,
            created_at=task.created_at,
            updated_at=task.updated_at,
            started_at=task.started_at,
            finished_at=task.finished_at,
            archived_at=task.archived_at,
        )


class DependencyPage(Struct, frozen=True):
    items: list[TaskBriefOut]
    next_cursor: str | None


class LabelOut(Struct, frozen=True):
    id: UUID
    name: str


class LabelPage(Struct, frozen=True):
    items: list[LabelOut]
    next_cursor: str | None
