"""A newer version of an imported record against what people have made of it since: pure.

Three-way, field by field: what changed there comes in, what was changed here stays, and a field
that was changed on both sides stays as it is here and is reported.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import msgspec

from nexus.features.imports.domain import ParsedTask
from nexus.features.tasks.domain import Priority, Task, TaskEdit

_SCALARS = (
    "title", "description", "details", "test_strategy", "priority", "complexity", "due_on",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Merge:
    """What comes in. `conflicts` are the fields that were changed on both sides."""

    edit: TaskEdit
    is_new_parent: bool = False
    conflicts: list[str] = field(default_factory=list[str])

    @property
    def changed(self) -> list[str]:
        names = [{"complexity_given": "complexity"}.get(name, name) for name in self.edit]
        return names + (["parent"] if self.is_new_parent else [])


def base_of(record: ParsedTask) -> dict[str, Any]:
    """The values of a record as they are kept to compare a newer version with."""
    return {
        "title": record.title,
        "description": record.description,
        "details": record.details,
        "test_strategy": record.test_strategy,
        "status": record.status.value,
        "priority": record.priority.value,
        "acceptance": list(record.acceptance),
        "labels": list(record.labels),
        "complexity": record.complexity,
        "due_on": record.due_on.isoformat() if record.due_on else None,
        "custom": dict(record.custom),
        "parent": record.parent,
        "depends_on": list(record.depends_on),
        "links": [[link.kind, link.to, link.url] for link in record.links],
        "comments": [comment.id for comment in record.comments],
    }


def scored(base: Mapping[str, Any], score: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Base and newer values of a record of which another file says the complexity alone.

    That file has a score of its own in the base, beside what the first file says.
    """
    before = {**base, "complexity": base.get("score", base.get("complexity"))}
    return before, {**before, "complexity": score}


def merged(
    base: Mapping[str, Any], theirs: Mapping[str, Any], ours: Task, *, our_parent: str | None
) -> Merge:
    """What to change in a task. A field that the base does not know of is left alone.

    The status comes in later, with the dependencies: see connecting.py.
    """
    base_custom: Mapping[str, Any] = base.get("custom", {})
    here = _here(ours, our_parent, {*base_custom, *theirs["custom"]})
    edit: dict[str, Any] = {}
    conflicts: list[str] = []
    for name in (*_SCALARS, "custom", "parent"):
        if name not in base or is_same(theirs[name], base[name]):
            continue
        if is_same(here[name], theirs[name]):
            continue
        if is_same(here[name], base[name]):
            edit[name] = theirs[name]
        else:
            conflicts.append(name)
    for name in ("labels", "acceptance"):
        wanted = _merged_list(base.get(name, theirs[name]), theirs[name], here[name])
        if wanted != here[name]:
            edit[name] = wanted
    is_new_parent = "parent" in edit
    edit.pop("parent", None)
    return Merge(
        edit=_as_edit(edit, ours, base_custom),
        is_new_parent=is_new_parent,
        conflicts=conflicts,
    )


def _here(ours: Task, our_parent: str | None, custom: Iterable[str]) -> dict[str, Any]:
    """The task's present values in the form of a base. Of `custom` only the file's own part."""
    return {
        "title": ours.title,
        "description": ours.description,
        "details": ours.details,
        "test_strategy": ours.test_strategy,
        "priority": ours.priority.value,
        "acceptance": [item.text for item in ours.acceptance],
        "labels": list(ours.labels),
        "complexity": ours.complexity_given,
        "due_on": ours.due_on.isoformat() if ours.due_on else None,
        "custom": {name: ours.custom[name] for name in custom if name in ours.custom},
        "parent": our_parent,
    }


def _merged_list(base: Sequence[str], theirs: Sequence[str], ours: Sequence[str]) -> list[str]:
    """What was added there is added here, what was taken away there is taken away here."""
    was = {one.casefold() for one in base}
    there = {one.casefold() for one in theirs}
    have = {one.casefold() for one in ours}
    kept = [one for one in ours if one.casefold() in there or one.casefold() not in was]
    added = [one for one in theirs if one.casefold() not in was | have]
    return [*kept, *added]


def _as_edit(edit: Mapping[str, Any], ours: Task, base_custom: Mapping[str, Any]) -> TaskEdit:
    """In the forms that an edit takes."""
    values = dict(edit)
    if "priority" in values:
        values["priority"] = Priority(values["priority"])
    if "complexity" in values:
        values["complexity_given"] = values.pop("complexity")
    if "due_on" in values:
        values["due_on"] = date.fromisoformat(values["due_on"]) if values["due_on"] else None
    if "custom" in values:
        own = {name: value for name, value in ours.custom.items() if name not in base_custom}
        values["custom"] = own | values["custom"]
    if "acceptance" in values:
        values["acceptance"] = [(None, text) for text in values["acceptance"]]
    return TaskEdit(**values)


def is_same(one: Any, other: Any) -> bool:
    """As JSON, to which 1 and true are not the same."""
    return msgspec.json.encode(one, order="deterministic") == msgspec.json.encode(
        other, order="deterministic"
    )
