"""Writing Task Master's tasks.json: pure.

What nobody changed is written as it stands in the file that came in, byte for byte; of a record
that was changed, the fields that were.
"""

from collections import defaultdict
from collections.abc import Container, Mapping
from dataclasses import replace
from datetime import UTC
from typing import IO, Any

import msgspec
from typing_extensions import Buffer

from nexus.features.imports.lineage import UniqueIds
from nexus.features.imports.outgoing import Departure, Name, Outgoing, Said
from nexus.features.imports.shaping import Notes
from nexus.features.imports.splicing import list_span, spliced
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
_Tasks = tuple[list[Any], list[Any]]


Family = Mapping[str, str | None]
"""The parents of the records of one list, by their ids."""


class TaskMasterWriter:
    is_nesting = False

    def __init__(self, data: Buffer) -> None:
        self._data = memoryview(data)
        self._root = root_of(data) if len(self._data) else {}
        self._tags = tags_of(self._root) if self._root else []
        self._families: defaultdict[str, dict[str, str | None]] = defaultdict(dict)
        for tag in self._tags:
            self._families[tag.name] = {one.id: one.parent for one in records_of(tag)}

    @property
    def only_list(self) -> str | None:
        """A file without tags stays one: Task Master would not see its tasks beside a tag."""
        return self._tags[0].name if [tag.is_bare for tag in self._tags] == [True] else None

    def name(self, list_name: str, task: TaskSummary, parent: str | None) -> str:
        """The task's number; where it is taken, or below a parent, the next one that is free."""
        family = self._families[list_name]
        above = f"{parent}." if parent else ""
        own_id = f"{above}{task.number}"
        if parent or own_id in family:
            among = [one.removeprefix(above) for one, of in family.items() if of == parent]
            numbers = [int(one) for one in among if _is_number(one)]
            own_id = f"{above}{max(numbers, default=0) + 1}"
        family[own_id] = parent
        return own_id

    def holds(self, name: Name) -> bool:
        return name[1] in self._families.get(name[0], ())

    def is_in_place(self, name: Name, parent: str | None) -> bool:
        return self._families[name[0]].get(name[1]) == parent

    def has_said(self, name: Name, comment: Said) -> bool:  # noqa: ARG002 - as in FileWriter
        """Task Master has no comments: there is nothing to bring up to date."""
        return True

    def write(self, departure: Departure, into: IO[bytes]) -> None:
        if departure.is_as_it_came:
            into.write(self._data)
            return
        new = {tag.name: self._tasks(tag, departure) for tag in self._tags}
        is_new_list = departure.fresh.keys() - new.keys()
        spliced = None
        if not departure.closed and not is_new_list:
            spliced = self._spliced(new)
        into.write(spliced or self._anew(new, departure))

    def _spliced(self, new: Mapping[str, _Tasks]) -> bytes | None:
        """The file with other records in their places, and nothing else moved."""
        text = bytes(self._data)
        try:
            spans = [list_span(text, self._root, tag) for tag in self._tags]
            for tag, (start, end) in sorted(
                zip(self._tags, spans, strict=True), key=lambda one: one[1], reverse=True
            ):
                text = (
                    text[:start] + spliced(text[start:end], tag.tasks, *new[tag.name]) + text[end:]
                )
        except ValueError:  # a key stands twice: what stands where cannot be told
            return None
        return text

    def _anew(self, new: Mapping[str, _Tasks], departure: Departure) -> bytes:
        """The file written anew, without the lists that do not go out."""
        lists = {tag.place for tag in self._tags}
        root: Fields = {
            place: raw
            for place, raw in self._root.items()
            if place not in lists and not departure.hides
        }
        for tag in self._tags:
            if tag.name in departure.closed:
                continue
            kept, added = new[tag.name]
            tasks = [one for one in kept if one is not None] + added
            if tag.is_bare:
                root[tag.place] = tasks
            else:
                around = msgspec.json.decode(self._root[tag.place], type=dict[str, msgspec.Raw])
                root[tag.place] = around | {"tasks": tasks}
        for name in departure.fresh.keys() - new.keys():
            place = UniqueIds(root)(name)
            root[place] = {
                "tasks": self._tasks(Tag(name=name, place=place, tasks=[]), departure)[1]
            }
        return msgspec.json.format(msgspec.json.encode(root), indent=2) + b"\n"

    def _tasks(self, tag: Tag, departure: Departure) -> _Tasks:
        """The records of a list as they are by now, None for those that go, and the new ones."""
        family = self._families[tag.name]
        fresh = departure.fresh.get(tag.name, [])
        changed = {own: one for (name, own), one in departure.changed.items() if name == tag.name}
        gone = {own_id for name, own_id in departure.gone if name == tag.name}
        every = (*changed.values(), *fresh)
        departure.left_out += sum(len(_unclear(one, family)) for one in every)
        touched = {family[own_id] for own_id in (*changed, *gone)} | {one.parent for one in fresh}
        made = {one.name[1]: _new(one, family) for one in fresh}
        added: defaultdict[str | None, list[Any]] = defaultdict(list)
        for one in fresh:
            added[one.parent].append(made[one.name[1]])
        for one in added[None]:
            one["subtasks"] = added[str(one["id"])]
        below: defaultdict[str | None, list[Any]] = defaultdict(list)
        records = sorted(records_of(tag), key=lambda one: one.parent is None)  # subtasks first
        for record in records:
            one = changed.get(record.id)
            fields: Any = _changed(record, one, family) if one else msgspec.Raw(_raw(record))
            if record.parent is None and record.id in touched:
                fields = fields if one else _fields(record.original)
                fields["subtasks"] = below[record.id] + added[record.id]
            if record.id in gone:
                fields = None
            if record.parent is None or fields is not None:
                below[record.parent].append(fields)
        return below[None], added[None]


def _raw(record: Record) -> bytes:
    return record.original.encode()


def _fields(original: str) -> Fields:
    return dict(msgspec.json.decode(original, type=dict[str, msgspec.Raw]))


def _changed(record: Record, outgoing: Outgoing, family: Family) -> Fields:
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
        fields["dependencies"] = _dependencies(record, outgoing, family)
    if "custom" in outgoing.changed:
        was, now = further(record), _custom(outgoing)
        fields = {name: value for name, value in fields.items() if name in now or name not in was}
        fields |= {name: value for name, value in now.items() if was.get(name) != value}
    if "updatedAt" in fields:
        fields["updatedAt"] = _moment(outgoing)
    return fields


def _dependencies(record: Record, outgoing: Outgoing, family: Family) -> list[Any]:
    """Those that hold or never came in, as they stand there, and then the new ones."""
    given: Any = record.values.get("dependencies") or []
    quietly = replace(record, notes=Notes())
    kept: dict[str | None, Any] = {}
    for value in given if isinstance(given, list) else [given]:  # pyright: ignore[reportUnknownVariableType]
        target = resolved(value, quietly, family)
        if target is None or target in outgoing.depends_on or target in outgoing.left_out:
            kept[target or f"?{value}"] = value
    return list(kept.values()) + _references(outgoing, family, without=kept)


def _new(outgoing: Outgoing, family: Family) -> Fields:
    """A record as Task Master writes it, with all that it does not know of itself."""
    own_id = outgoing.name[1].removeprefix(f"{outgoing.parent}.")
    fields: Fields = {"id": int(own_id) if _is_number(own_id) else own_id}
    for name, (key, value) in _values(outgoing).items():
        if value or name in _ALWAYS:
            fields[key] = value
    return _custom(outgoing) | fields | {"dependencies": _references(outgoing, family)}


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
        "complexity": ("complexity", task.complexity_said),
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
    outgoing: Outgoing, family: Family, *, without: Container[str | None] = ()
) -> list[Any]:
    unclear = _unclear(outgoing, family)
    wanted = [one for one in outgoing.depends_on if one not in unclear and one not in without]
    return [_reference(one, outgoing.parent, family) for one in wanted]


def _unclear(outgoing: Outgoing, family: Family) -> set[str]:
    """What a subtask cannot name: a task whose number one of its siblings has too."""
    if outgoing.parent is None:
        return set()
    return {one for one in outgoing.depends_on if f"{outgoing.parent}.{one}" in family}


def _reference(own_id: str, parent: str | None, family: Family) -> Any:
    """How a record names another one: a sibling by its number alone, a subtask as '7.2'."""
    is_sibling = parent is not None and family.get(own_id) == parent
    name = own_id.removeprefix(f"{parent}.") if is_sibling else own_id
    return int(name) if _is_number(name) else name


def _is_number(text: str) -> bool:
    """Whether it is written as a number in JSON: 7, and neither 007 nor ²."""
    return text.isascii() and text.isdecimal() and str(int(text)) == text


def _moment(outgoing: Outgoing) -> str:
    at = outgoing.task.updated_at.astimezone(UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
