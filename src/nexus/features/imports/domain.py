"""Imports, and backlogs as they stand in a file: pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType
from uuid import UUID

from nexus.features.tasks.domain import Priority, TaskStatus
from nexus.platform.actor import ActorId, WorkspaceId

ImportId = NewType("ImportId", UUID)

MAX_NOTES = 2000


class ImportState(StrEnum):
    QUEUED = "queued"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Note:
    """What was changed or set aside about one record; `code` is for programs."""

    record: str
    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class ListReport:
    """What became of one list of the file (a tag of Task Master)."""

    name: str
    project: str
    tasks: int
    subtasks: int
    dependencies: int


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """`already_here` were imported before and left as they are."""

    format: str
    lists: list[ListReport]
    created: int
    already_here: int
    notes: list[Note]
    notes_left_out: int


@dataclass(frozen=True, kw_only=True)
class Import:
    """`source` names where the file comes from: the same source again is the same backlog."""

    id: ImportId
    workspace_id: WorkspaceId
    actor_id: ActorId
    source: str
    file_name: str
    project: str | None
    format: str
    state: ImportState
    report: ImportReport | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None

    @property
    def has_ended(self) -> bool:
        return self.state is not ImportState.QUEUED


@dataclass(frozen=True, kw_only=True)
class ParsedTask:
    """One record. `id`, `parent` and `depends_on` are ids of the file, unique in their list."""

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
    parent: str | None = None
    depends_on: tuple[str, ...] = ()
    custom: Mapping[str, Any] = field(default_factory=dict[str, Any])
    created_at: datetime | None = None
    updated_at: datetime | None = None
    original: str


@dataclass(frozen=True, kw_only=True)
class ParsedList:
    """Tasks that go to one project. `is_default`: the list has no name of its own."""

    name: str
    is_default: bool
    tasks: tuple[ParsedTask, ...]


@dataclass(frozen=True, kw_only=True)
class ParsedBacklog:
    """What a format module makes of a file."""

    format: str
    lists: tuple[ParsedList, ...]
    notes: tuple[Note, ...]


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
