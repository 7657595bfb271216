"""Tasks on their way out into a file, beside the records that they came in as: pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from nexus.features.imports.merging import is_same
from nexus.features.tasks.domain import Task, TaskId, TaskStatus

_BLOCKED = re.compile(r':\s*"blocked"', re.IGNORECASE)

Name = tuple[str, str]
"""The list of a record and its id there."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """A comment as it goes out."""

    id: str
    author: str
    text: str
    created_at: datetime


def said_by(author: str, text: str) -> str:
    """A comment from elsewhere as it is kept here."""
    return f"*{author}* wrote:\n\n{text}"


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A relation that blocks nothing, to another record of the file or to a page."""

    kind: str
    to: str | None
    url: str | None


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """A task by its name in the file; `parent`, `depends_on` and relations are names there too.

    `original` is the record that it came in as, in this format, and `changed` says which of its
    fields people have changed since; a task that came from nowhere else has changed in all.
    """

    name: Name
    task: Task
    parent: str | None
    depends_on: tuple[str, ...]
    relations: tuple[Relation, ...]
    comments: tuple[Said, ...]
    original: str | None
    changed: frozenset[str]
    left_out: frozenset[str] = frozenset()
    """What stands in the file as a dependency and did not come in."""


@dataclass(kw_only=True)
class Departure:
    """All that goes into one file: what stands in it unchanged, what has changed, what is new.

    `gone` are records of the file that became tasks and do not go out from there: they are in
    another project by now, or in one that whoever exports cannot see. `closed` are lists whose
    projects do not go out; `hides`: from whoever exports, some are hidden. `left_out` counts the
    dependencies that the format cannot express.
    """

    changed: dict[Name, Outgoing] = field(default_factory=dict[Name, Outgoing])
    fresh: dict[str, list[Outgoing]] = field(default_factory=dict[str, list[Outgoing]])
    gone: set[Name] = field(default_factory=set[Name])
    closed: set[str] = field(default_factory=set[str])
    hides: bool = False
    left_out: int = 0

    @property
    def is_as_it_came(self) -> bool:
        return not (self.changed or any(self.fresh.values()) or self.gone or self.closed)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The record that a task was made of, and the values with which it came (see merging.py)."""

    task_id: TaskId
    source: str
    name: Name
    project: str
    original: str
    base: Mapping[str, Any]


EVERYTHING = frozenset(
    {
        "title", "description", "details", "test_strategy", "acceptance", "status", "priority",
        "complexity", "due_on", "labels", "custom", "parent", "depends_on", "relations", "comments",
    }
)  # fmt: skip


def changed_since(outgoing: Outgoing, base: Mapping[str, Any]) -> Outgoing:
    """With the fields that say something else than they did when the task came in.

    What could not come in with the task (`left_out`) was not taken away by anyone, and a
    complexity that Nexus worked out is no change of people.
    """
    task = outgoing.task
    here: dict[str, Any] = {
        "title": task.title,
        "description": task.description,
        "details": task.details,
        "test_strategy": task.test_strategy,
        "status": task.status.value,
        "priority": task.priority.value,
        "acceptance": [item.text for item in task.acceptance],
        "due_on": task.due_on.isoformat() if task.due_on else None,
        "custom": {name: task.custom[name] for name in base["custom"] if name in task.custom},
        "parent": outgoing.parent,
    }
    changed = {name for name, value in here.items() if not is_same(value, base[name])}
    if task.complexity_manual not in {None, base["complexity"]}:
        changed.add("complexity")
    if _folded(task.labels) != _folded(base["labels"]):
        changed.add("labels")
    left_out = frozenset[str](base.get("left_out") or ())
    if set(outgoing.depends_on) != set(base["depends_on"]) - left_out:
        changed.add("depends_on")
    related = {(one.kind, one.to, one.url) for one in outgoing.relations}
    if related != {tuple(one) for one in base["links"]}:
        changed.add("relations")
    if outgoing.comments:
        changed.add("comments")
    if _is_blocked_no_more(outgoing):
        changed.add("status")
    return replace(outgoing, changed=frozenset(changed), left_out=left_out)


def _is_blocked_no_more(outgoing: Outgoing) -> bool:
    """Whether the word `blocked` of the file would be read as another status by now."""
    if not _BLOCKED.search(outgoing.original or ""):
        return False
    waits = any(not one.status.is_finished for one in outgoing.task.dependencies)
    read_as = TaskStatus.TODO if waits else TaskStatus.DEFERRED
    return outgoing.task.status is not read_as


def _folded(labels: Iterable[str]) -> set[str]:
    return {one.casefold() for one in labels}
