"""Writing Task Master's tasks.json: pure.

What nobody changed is written as it stands in the file that came in, byte for byte; of a record
that was changed, the fields that were.
"""

from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import replace
from datetime import UTC
from typing import IO, Any

import msgspec
from typing_extensions import Buffer

from nexus.features.imports.outgoing import Departure, Outgoing, Said
from nexus.features.imports.shaping import Notes
from nexus.features.imports.taskmaster import (
    Record,
    Tag,
    further,
    records_of,
    resolved,
    root_of,
    tags_of,
)
from nexus.features.tasks.domain import Priority, TaskStatus, TaskSummary

STATUSES = {
    TaskStatus.BACKLOG: "deferred",
    TaskStatus.TODO: "pending",
    TaskStatus.IN_PROGRESS: "in-progress",
    TaskStatus.IN_REVIEW: "review",
    TaskStatus.DEFERRED: "deferred",
    TaskStatus.DONE: "done",
    TaskStatus.CANCELLED: "cancelled",
}
"""Task Master has no backlog: what is not to be taken yet is deferred there."""

Fields = dict[str, Any]


class TaskMasterWriter:
    only_list = None
    is_nesting = False

    def __init__(self, data: Buffer) -> None:
        self._data = memoryview(data)
        self._root = root_of(data) if len(self._data) else {}
        self._tags = tags_of(self._root) if self._root else []
        self._ids: defaultdict[str, set[str]] = defaultdict(set)
        for tag in self._tags:
            self._ids[tag.name] = {record.id for record in records_of(tag)}

    def name(self, list_name: str, task: TaskSummary, parent: str | None) -> str:
        """The task's number; where it is taken, or below a parent, the next one that is free."""
        taken = self._ids[list_name]
        above = f"{parent}." if parent else ""
        own_id = f"{above}{task.number}"
        if parent or own_id in taken:
            among = (one.removeprefix(above) for one in taken if one.startswith(above))
            numbers = (int(one) for one in among if one.isdigit())
            own_id = f"{above}{max(numbers, default=0) + 1}"
        taken.add(own_id)
        return own_id

    def is_in_place(self, own_id: str, parent: str | None) -> bool:
        return _above(own_id) == parent

    def has_said(self, original: str, comment: Said) -> bool:  # noqa: ARG002 - as in FileWriter
        """Task Master has no comments: there is nothing to bring up to date."""
        return True

    def write(self, departure: Departure, into: IO[bytes]) -> None:
        if departure.is_as_it_came:
            into.write(self._data)
            return
        root: Fields = dict(self._root)
        fresh = dict(departure.fresh)
        for tag in self._tags:
            tasks = self._tasks(tag, departure, fresh.pop(tag.name, []))
            if tag.is_bare:
                root[tag.place] = tasks
            else:
                around = msgspec.json.decode(self._root[tag.place], type=dict[str, msgspec.Raw])
                root[tag.place] = around | {"tasks": tasks}
        for name, new in fresh.items():
            tag = Tag(name=name, place=name, tasks=[])
            root[name] = {"tasks": self._tasks(tag, departure, new)}
        into.write(msgspec.json.format(msgspec.json.encode(root), indent=2))
        into.write(b"\n")

    def _tasks(self, tag: Tag, departure: Departure, fresh: Sequence[Outgoing]) -> list[Any]:
        """The tasks of a list with their subtasks."""
        ids = self._ids[tag.name]
        of_list = [one for (name, _), one in departure.changed.items() if name == tag.name]
        departure.left_out += sum(len(_unclear(one, ids)) for one in (*of_list, *fresh))
        below: defaultdict[str | None, list[Any]] = defaultdict(list)
        touched = {_above(own_id) for name, own_id in departure.gone if name == tag.name}
        records = [one for one in records_of(tag) if (tag.name, one.id) not in departure.gone]
        records.sort(key=lambda one: one.parent is None)  # subtasks first: their tasks hold them
        for record in records:
            changed = departure.changed.get((tag.name, record.id))
            fields: Any = _changed(record, changed, ids) if changed else msgspec.Raw(_raw(record))
            if changed:
                touched.add(record.parent)
            if record.parent is None and (record.id in touched or _has_new(record.id, fresh)):
                fields = fields if changed else _fields(record.original)
                new = [_new(one, ids) for one in fresh if one.parent == record.id]
                fields["subtasks"] = below[record.id] + new
            below[record.parent].append(fields)
        for one in fresh:
            if one.parent is None:
                subtasks = [_new(sub, ids) for sub in fresh if sub.parent == one.name[1]]
                below[None].append(_new(one, ids) | {"subtasks": subtasks})
        return below[None]


def _has_new(own_id: str, fresh: Sequence[Outgoing]) -> bool:
    return any(one.parent == own_id for one in fresh)


def _raw(record: Record) -> bytes:
    return record.original.encode()


def _fields(original: str) -> Fields:
    return dict(msgspec.json.decode(original, type=dict[str, msgspec.Raw]))


def _changed(record: Record, outgoing: Outgoing, ids: Container[str]) -> Fields:
    """The record as it stands in the file, with what was changed."""
    fields = _fields(record.original)
    for name, (key, value) in _values(outgoing).items():
        if name not in outgoing.changed:
            continue
        if name == "acceptance" and isinstance(record.values.get(key), str):
            fields[key] = "\n".join(value)
        else:
            fields[key] = value
    if "depends_on" in outgoing.changed:
        fields["dependencies"] = _dependencies(record, outgoing, ids)
    if "custom" in outgoing.changed:
        was, now = further(record), _custom(outgoing)
        fields = {name: value for name, value in fields.items() if name in now or name not in was}
        fields |= {name: value for name, value in now.items() if was.get(name) != value}
    if "updatedAt" in fields:
        fields["updatedAt"] = _moment(outgoing)
    return fields


def _dependencies(record: Record, outgoing: Outgoing, ids: Container[str]) -> list[Any]:
    """Those that are left as they stand there, and then the new ones."""
    given: Any = record.values.get("dependencies") or []
    quietly = replace(record, notes=Notes())
    kept: dict[str | None, Any] = {}
    for value in given if isinstance(given, list) else [given]:  # pyright: ignore[reportUnknownVariableType]
        target = resolved(value, quietly, ids)
        if target is None or target in outgoing.depends_on:
            kept[target or f"?{value}"] = value
    return list(kept.values()) + _references(outgoing, ids, without=kept)


def _new(outgoing: Outgoing, ids: Container[str]) -> Fields:
    """A record as Task Master writes it, on top of the one that it came in as, if it did."""
    fields: Fields = _fields(outgoing.original) if outgoing.original else {}
    own_id = outgoing.name[1].rpartition(".")[2]
    fields["id"] = int(own_id) if own_id.isdigit() else own_id
    for name, (key, value) in _values(outgoing).items():
        if value or name in _ALWAYS:
            fields[key] = value
    return fields | {"dependencies": _references(outgoing, ids)} | _custom(outgoing)


_ALWAYS = {"title", "description", "details", "test_strategy", "status"}


def _values(outgoing: Outgoing) -> dict[str, tuple[str, Any]]:
    """What Task Master calls each field, and what stands there."""
    task = outgoing.task
    priority = "low" if task.priority is Priority.NONE else task.priority.word
    values: dict[str, tuple[str, Any]] = {
        "title": ("title", task.title),
        "description": ("description", task.description),
        "details": ("details", task.details),
        "test_strategy": ("testStrategy", task.test_strategy),
        "status": ("status", STATUSES[task.status]),
        "priority": ("priority", priority),
        "complexity": ("complexity", task.complexity),
        "acceptance": ("acceptanceCriteria", [item.text for item in task.acceptance]),
        "labels": ("labels", list(task.labels)),
        "due_on": ("dueDate", task.due_on.isoformat() if task.due_on else None),
    }
    if outgoing.parent and task.priority is Priority.NONE:
        del values["priority"]  # subtasks need none there
    return values


def _custom(outgoing: Outgoing) -> Fields:
    return dict(outgoing.task.custom.get("taskmaster") or {})


def _references(
    outgoing: Outgoing, ids: Container[str], *, without: Container[str | None] = ()
) -> list[Any]:
    unclear = _unclear(outgoing, ids)
    wanted = [one for one in outgoing.depends_on if one not in unclear and one not in without]
    return [_reference(one, outgoing.parent) for one in wanted]


def _unclear(outgoing: Outgoing, ids: Container[str]) -> set[str]:
    """What a subtask cannot name: a task whose number one of its siblings has too."""
    return {one for one in outgoing.depends_on if f"{outgoing.parent}.{one}" in ids}


def _reference(own_id: str, parent: str | None) -> Any:
    """How a record names another one: a sibling by its number alone, a subtask as '7.2'."""
    above, _, number = own_id.rpartition(".")
    name = number if above and above == parent else own_id
    return int(name) if name.isdigit() else name


def _above(own_id: str) -> str | None:
    return own_id.rpartition(".")[0] or None


def _moment(outgoing: Outgoing) -> str:
    at = outgoing.task.updated_at.astimezone(UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
