"""Imports, and backlogs as they stand in a file: pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NewType, Protocol
from uuid import UUID

from nexus.features.tasks.domain import Priority, TaskStatus
from nexus.platform.actor import ActorId, WorkspaceId

ImportId = NewType("ImportId", UUID)

CARRY_OUT = "imports.carry_out"
"""The job behind an import."""


class ExportFormat(StrEnum):
    TASKMASTER = "taskmaster"
    BEADS = "beads"
    CSV = "csv"


class ImportState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class ImportPhase(StrEnum):
    """What a running import is at; each one goes once over all records, in chunks.

    A phase can be taken up again where a killed server left it.
    """

    TASKS = "tasks"
    EDGES = "edges"
    SETTLING = "settling"


class Outcome(StrEnum):
    """What became of one record of the file."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SET_ASIDE = "set_aside"


@dataclass(frozen=True, kw_only=True)
class Note:
    """What was changed, mapped or set aside about one record; `code` is for programs."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class ListReport:
    """What became of one list of the file (a tag of Task Master)."""

    name: str
    project: str
    tasks: int = 0
    subtasks: int = 0
    dependencies: int = 0


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """Counts by what became of the records, of notes by their code, and of values by mapping.

    `mapped` holds `status: pending -> todo` with the number of records.
    """

    lists: list[ListReport] = field(default_factory=list[ListReport])
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    set_aside: int = 0
    notes: dict[str, int] = field(default_factory=dict[str, int])
    mapped: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, kw_only=True)
class Import:
    """`source` names where the file comes from: the same source again is the same backlog.

    `position` is how far the phase has got among the `records`; `projects` says where each list
    goes, `mapping` how the columns of a table are to be read.
    """

    id: ImportId
    workspace_id: WorkspaceId
    actor_id: ActorId
    source: str
    file_name: str
    project: str | None
    format: str
    is_partial: bool
    is_dry_run: bool
    state: ImportState
    phase: ImportPhase
    position: int
    records: int
    projects: Mapping[str, str]
    mapping: str | None
    report: ImportReport
    error: str | None
    created_at: datetime
    finished_at: datetime | None

    @property
    def has_ended(self) -> bool:
        return self.state in {ImportState.DONE, ImportState.FAILED}

    def label_of(self, name: str) -> str | None:
        """Several lists in one project are told apart by a label."""
        if self.project is None or len(self.projects) == 1:
            return None
        return " ".join(name.split())[:100] or None


@dataclass(frozen=True, kw_only=True)
class ImportRecord:
    """What became of one record of the file, and the task that it is now."""

    position: int
    list: str
    external_id: str
    outcome: Outcome
    task_id: UUID | None
    key: str | None
    notes: Sequence[Note]
    original: str | None = None


@dataclass(frozen=True, kw_only=True)
class ParsedLink:
    """A relation that blocks nothing, to another record of the same list or to a page."""

    kind: str
    to: str | None = None
    url: str | None = None


@dataclass(frozen=True, kw_only=True)
class ParsedComment:
    """`id` is unique within its record, so that the same comment comes in once."""

    id: str
    author: str
    text: str
    created_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ParsedTask:
    """One record. `id`, `parent`, `depends_on` and links name records of the same list.

    `given` holds the words of the file for what has other words here (`{"status": "pending"}`).
    A record that is `set_aside` becomes no task, and says why. One that `is_deleted` was deleted
    where it comes from.
    """

    list: str
    id: str
    title: str
    status: TaskStatus
    priority: Priority
    description: str = ""
    details: str = ""
    test_strategy: str = ""
    acceptance: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    complexity: int | None = None
    due_on: date | None = None
    parent: str | None = None
    depends_on: tuple[str, ...] = ()
    links: tuple[ParsedLink, ...] = ()
    comments: tuple[ParsedComment, ...] = ()
    custom: Mapping[str, Any] = field(default_factory=dict[str, Any])
    created_at: datetime | None = None
    updated_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    given: Mapping[str, str] = field(default_factory=dict[str, str])
    notes: tuple[Note, ...] = ()
    set_aside: str | None = None
    is_deleted: bool = False
    original: str


@dataclass(frozen=True, kw_only=True)
class ParsedList:
    """Tasks that go to one project. `is_default`: the list has no name of its own."""

    name: str
    is_default: bool


class Backlog(Protocol):
    """A file that a format module has understood from its first to its last byte.

    `is_partial`: it only adds to tasks that were imported from another file.
    """

    @property
    def format(self) -> str: ...

    @property
    def is_partial(self) -> bool: ...

    @property
    def lists(self) -> Sequence[ParsedList]: ...

    def records(self) -> Iterator[ParsedTask]:
        """All records, list by list, parents before their subtasks; again at every call.

        Ids are unique in their list; `depends_on`, `parent` and `links.to` exist in it.
        """
        ...


def new_project_key(name: str, taken: set[str]) -> str:
    """A free project key made of a list's name: 2 to 10 letters and digits."""
    letters = "".join(c for c in name.upper() if c.isascii() and c.isalnum())
    stem = letters.lstrip("0123456789")[:10] or "IMPORT"
    if len(stem) == 1:
        stem += "X"
    key, count = stem, 1
    while key in taken:
        count += 1
        suffix = str(count)
        key = stem[: 10 - len(suffix)] + suffix
    return key
