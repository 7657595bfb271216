"""What an edit makes of a task, and what has changed by it: pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec

from nexus.features.tasks.domain import AcceptanceItem, Assignee, Task, TaskEdit, TaskFields
from nexus.platform.events import Changes, changes_between
from nexus.platform.fields import folded, tidy
from nexus.platform.ids import new_id

_PLAIN_FIELDS = (
    "title",
    "description",
    "details",
    "test_strategy",
    "priority",
    "complexity_given",
    "complexity_manual",
    "due_on",
    "repository_id",
    "footprint",
    "custom",
)


def fields_of(edit: TaskEdit) -> TaskFields:
    return TaskFields(**{name: value for name, value in edit.items() if name in _PLAIN_FIELDS})  # pyright: ignore[reportArgumentType]


def edited(
    task: Task,
    edit: TaskEdit,
    fields: TaskFields,
    *,
    assignees: Iterable[Assignee],
    labels: Iterable[str],
) -> Task:
    """The task with the checked `fields` of an edit, and all else that it names.

    But for its new parent and its way into the archive, which depend on more than the edit.
    `assignees` and `labels` are those that the edit names.
    """
    new = replace(task, **fields)
    if edit.get("archived") is False:
        new = replace(new, archived_at=None)
    if "acceptance" in edit:
        new = replace(new, acceptance=_edited_items(task, edit["acceptance"]))
    if "assignees" in edit:
        by_handle = sorted(assignees, key=lambda one: one.handle)
        new = replace(new, assignees=tuple(by_handle))
    if "labels" in edit:
        new = replace(new, labels=tuple(sorted(labels, key=str.casefold)))
    return new


def new_item(text: str) -> AcceptanceItem:
    return AcceptanceItem(id=new_id(), text=tidy(text))


def changes_of(old: Task, new: Task) -> Changes:
    """Old and new of what changed, in the words of the wire."""
    changes = dict(changes_between(old, new, *_PLAIN_FIELDS, "labels", "archived_at"))
    if msgspec.json.encode(old.custom) != msgspec.json.encode(new.custom):
        changes["custom"] = (old.custom, new.custom)  # Python takes 1 and true for the same
    if "priority" in changes:
        changes["priority"] = (old.priority.word, new.priority.word)
    if old.acceptance != new.acceptance:
        changes["acceptance"] = (_plain_items(old), _plain_items(new))
    if old.assignees != new.assignees:
        changes["assignees"] = ([a.id for a in old.assignees], [a.id for a in new.assignees])
    if old.parent_id != new.parent_id:
        changes["parent"] = (
            old.parent.key if old.parent else None,
            new.parent.key if new.parent else None,
        )
    return changes


def _edited_items(
    task: Task, wanted: Sequence[tuple[UUID | None, str]]
) -> tuple[AcceptanceItem, ...]:
    """The items as wanted: a known id, or else an unchanged text, keeps what was met."""
    by_id = {item.id: item for item in task.acceptance}
    by_text = {folded(item.text): item for item in task.acceptance}
    items: dict[UUID, AcceptanceItem] = {}
    for item_id, text in wanted:
        known = by_id.get(item_id) if item_id else by_text.get(folded(text))
        item = replace(known, text=tidy(text)) if known else new_item(text)
        if item.id in items:
            item = new_item(text)
        items[item.id] = item
    return tuple(items.values())


def _plain_items(task: Task) -> list[dict[str, Any]]:
    return [
        {"id": item.id, "text": item.text, "is_met": item.met_at is not None}
        for item in task.acceptance
    ]
