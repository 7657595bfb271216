"""What happens to tasks."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from nexus.platform.events import Changes, Event


@dataclass(frozen=True, kw_only=True)
class TaskEvent(Event):
    subject_field: ClassVar[str] = "task_id"

    task_id: UUID
    project_id: UUID
    key: str


@dataclass(frozen=True, kw_only=True)
class TaskCreated(TaskEvent):
    name: ClassVar[str] = "task.created"

    title: str
    status: str


@dataclass(frozen=True, kw_only=True)
class TaskUpdated(TaskEvent):
    name: ClassVar[str] = "task.updated"

    changes: Changes


@dataclass(frozen=True, kw_only=True)
class TaskStatusChanged(TaskEvent):
    """`became_ready` are the keys of tasks that now have nothing to wait for.

    `by_cancelling` says that they were freed though the work was not done.
    """

    name: ClassVar[str] = "task.status_changed"

    changes: Changes
    became_ready: list[str]
    by_cancelling: bool


@dataclass(frozen=True, kw_only=True)
class TaskMoved(TaskEvent):
    """It stands elsewhere on the board."""

    name: ClassVar[str] = "task.moved"


@dataclass(frozen=True, kw_only=True)
class TaskDependencyAdded(TaskEvent):
    name: ClassVar[str] = "task.dependency_added"

    depends_on_id: UUID
    depends_on_key: str


@dataclass(frozen=True, kw_only=True)
class TaskDependencyRemoved(TaskEvent):
    """`became_ready` is true where it was the last thing that the task waited for."""

    name: ClassVar[str] = "task.dependency_removed"

    depends_on_id: UUID
    depends_on_key: str
    became_ready: list[str]


@dataclass(frozen=True, kw_only=True)
class TaskLinkAdded(TaskEvent):
    name: ClassVar[str] = "task.link_added"

    link_id: UUID
    kind: str


@dataclass(frozen=True, kw_only=True)
class TaskLinkRemoved(TaskEvent):
    name: ClassVar[str] = "task.link_removed"

    link_id: UUID
    kind: str


@dataclass(frozen=True, kw_only=True)
class TaskTransferred(TaskEvent):
    """It went to another project, where it has another key; the old one stays valid."""

    name: ClassVar[str] = "task.transferred"

    from_project_id: UUID
    from_key: str


@dataclass(frozen=True, kw_only=True)
class TaskRecurrenceChanged(TaskEvent):
    name: ClassVar[str] = "task.recurrence_changed"

    rule: str
    trigger: str


@dataclass(frozen=True, kw_only=True)
class TaskRecurrenceRemoved(TaskEvent):
    """Somebody ended the series, or its rule did."""

    name: ClassVar[str] = "task.recurrence_removed"


@dataclass(frozen=True, kw_only=True)
class TaskRecurred(TaskEvent):
    """It is the next one of a series, after another task."""

    name: ClassVar[str] = "task.recurred"

    after_id: UUID
    after_key: str


@dataclass(frozen=True, kw_only=True)
class TaskComplexityInherited(TaskEvent):
    """An imported score went to the subtasks that had none: `count` of them."""

    name: ClassVar[str] = "task.complexity_inherited"

    count: int


@dataclass(frozen=True, kw_only=True)
class TasksImported(Event):
    """Many tasks came in together: one event for a chunk, with its counts."""

    name: ClassVar[str] = "import.tasks_added"
    subject_field: ClassVar[str] = "import_id"

    import_id: UUID
    project_id: UUID
    tasks: int


@dataclass(frozen=True, kw_only=True)
class TasksRevived(Event):
    """Something kept tasks from going on, and was mended: their keys, and what it was."""

    name: ClassVar[str] = "task.revived"
    subject_field: ClassVar[str] = "workspace_id"
    subject_noun: ClassVar[str] = "workspace"

    workspace_id: UUID
    kind: str
    keys: list[str]


@dataclass(frozen=True, kw_only=True)
class LabelUpdated(Event):
    name: ClassVar[str] = "label.updated"
    subject_field: ClassVar[str] = "label_id"

    label_id: UUID
    changes: Changes


@dataclass(frozen=True, kw_only=True)
class LabelRemoved(Event):
    name: ClassVar[str] = "label.removed"
    subject_field: ClassVar[str] = "label_id"

    label_id: UUID
    title: str


@dataclass(frozen=True, kw_only=True)
class TaskClaimed(TaskEvent):
    """Somebody works on it now. `lease_s` is null for people; `holder_id` is who works."""

    name: ClassVar[str] = "task.claimed"

    run_id: UUID
    fence: int
    holder_id: UUID
    lease_s: int | None
    expires_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class RunEvent(TaskEvent):
    """About one run; the task may have later ones."""

    subject_field: ClassVar[str] = "run_id"
    subject_noun: ClassVar[str] = "run"

    run_id: UUID
    fence: int
    holder_id: UUID


@dataclass(frozen=True, kw_only=True)
class RunEnded(RunEvent):
    """The base of all ends; `reason` is for people."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class RunSubmitted(RunEnded):
    """The agent says that it is done; `reason` is its summary in short."""

    name: ClassVar[str] = "run.submitted"


@dataclass(frozen=True, kw_only=True)
class RunAccepted(RunEnded):
    name: ClassVar[str] = "run.accepted"


@dataclass(frozen=True, kw_only=True)
class RunRejected(RunEnded):
    """Somebody sent the work back."""

    name: ClassVar[str] = "run.rejected"


@dataclass(frozen=True, kw_only=True)
class RunFailed(RunEnded):
    name: ClassVar[str] = "run.failed"


@dataclass(frozen=True, kw_only=True)
class RunReleased(RunEnded):
    name: ClassVar[str] = "run.released"


@dataclass(frozen=True, kw_only=True)
class RunExpired(RunEnded):
    """No sign of life came before the end of the lease."""

    name: ClassVar[str] = "run.expired"


@dataclass(frozen=True, kw_only=True)
class RunCancelled(RunEnded):
    """Somebody else ended it."""

    name: ClassVar[str] = "run.cancelled"
