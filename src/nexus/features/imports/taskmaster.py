"""Task Master's tasks.json, tagged and legacy: pure.

Formats and their traps as found in public files: ids are integers, strings or floats; statuses and
dependencies come in several forms; a subtask's bare dependency means its sibling.
"""

import json
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from typing_extensions import Buffer

from nexus.features.imports.domain import ParsedList, ParsedTask
from nexus.features.imports.errors import FileNotUnderstood
from nexus.features.imports.lineage import UniqueIds
from nexus.features.imports.shaping import (
    BLOCKED,
    Notes,
    Remark,
    acceptance_of,
    complexity_of,
    custom_of,
    day_of,
    id_text,
    labels_of,
    long_text,
    moment_of,
    status_of,
    text_of,
    title_of,
)
from nexus.features.tasks.domain import Priority, TaskStatus

BOM = b"\xef\xbb\xbf"
DEFAULT_TAG = "master"
PRIORITIES = {
    "critical": Priority.CRITICAL,
    "high": Priority.HIGH,
    "medium": Priority.MEDIUM,
    "low": Priority.LOW,
}
_TAKEN = {
    "id", "title", "description", "details", "testStrategy", "status", "priority",
    "dependencies", "subtasks", "complexity", "acceptanceCriteria", "createdAt", "updatedAt",
    "parentTaskId", "parentId", "parentTask", "isSubtask", "labels", "dueDate",
}  # fmt: skip


class _List(msgspec.Struct):
    tasks: list[msgspec.Raw]


@dataclass(frozen=True, kw_only=True)
class Record:
    """A record as it stands in the file; `own_id` is the part of the id after the last dot."""

    id: str
    own_id: str
    parent: str | None
    values: dict[str, Any]
    original: str
    notes: Notes


@dataclass(kw_only=True)
class Tag:
    """One list of the file: views of its tasks, and what the first pass found in them.

    `place` is its name at the top of the file, where it is a list itself (`is_bare`) or holds one.
    """

    name: str
    place: str
    tasks: Sequence[msgspec.Raw]
    is_bare: bool = False
    ids: set[str] = field(default_factory=set[str])
    finished: set[str] = field(default_factory=set[str])


class TaskMasterFile:
    """Raises FileNotUnderstood, with a sentence that says why, for what is none.

    It keeps views of the data and the ids, never the parsed tasks.
    """

    format = "taskmaster"
    is_partial = False

    def __init__(self, data: Buffer) -> None:
        try:
            self._tags = tags_of(root_of(data))
            for tag in self._tags:
                for record in records_of(tag):
                    tag.ids.add(record.id)
                    if status_of(record.values.get("status") or "pending", Notes())[0].is_finished:
                        tag.finished.add(record.id)
        except RecursionError as error:
            raise FileNotUnderstood(why="it is nested too deeply.") from error
        self.lists = [
            ParsedList(name=tag.name, is_default=tag.name == DEFAULT_TAG) for tag in self._tags
        ]

    def records(self) -> Iterator[ParsedTask]:
        """Tasks before subtasks, so that in a new project task 7 of the file becomes KEY-7."""
        for tag in self._tags:
            for record in records_of(tag):
                yield _task(tag, record)


def root_of(data: Buffer) -> dict[str, msgspec.Raw]:
    """What stands at the top of a file. Raises FileNotUnderstood."""
    text = memoryview(data)
    start = len(BOM) if bytes(text[: len(BOM)]) == BOM else 0
    try:
        return msgspec.json.decode(text[start:], type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FileNotUnderstood(why=f"it is not a JSON object ({error}).") from error


def tags_of(root: Mapping[str, msgspec.Raw]) -> list[Tag]:
    """The lists of a file. Raises FileNotUnderstood where there is none."""
    tags: dict[str, Tag] = {}
    for place, raw in root.items():
        try:
            tasks = msgspec.json.decode(raw, type=_List).tasks
        except msgspec.ValidationError:
            continue
        name = _tag_name(place, tags)
        tags[name] = Tag(name=name, place=place, tasks=tasks)
    if "tasks" in root and "tasks" not in tags:  # legacy, or left over beside the tags
        try:
            untagged = msgspec.json.decode(root["tasks"], type=list[msgspec.Raw])
            name = "tasks" if DEFAULT_TAG in tags else DEFAULT_TAG
            tags[name] = Tag(name=name, place="tasks", tasks=untagged, is_bare=True)
        except msgspec.ValidationError:
            pass
    if tags:
        return list(tags.values())
    raise FileNotUnderstood(
        why="it is JSON, but no Task Master file: it has neither a list 'tasks' nor tags that "
        "hold one."
    )


def _tag_name(tag: str, taken: Container[str]) -> str:
    """The tag as it can be stored; what two tags would share is told apart."""
    name = text_of(tag)[:100] or DEFAULT_TAG
    count = 1
    while name in taken:
        count += 1
        name = f"{name[:90]}#{count}"
    return name


def records_of(tag: Tag) -> Iterator[Record]:
    """All tasks, then all subtasks, each with an id of its own; the same at every call."""
    unique = UniqueIds()
    task_ids: list[str] = []
    for position, raw in enumerate(tag.tasks, start=1):
        values = _object(raw, f"{tag.name}/{position}")
        notes = Notes()
        own_id = id_text(values.get("id")) or f"?{position}"
        task_ids.append(_told_apart(unique, own_id, notes))
        yield Record(
            id=task_ids[-1],
            own_id=own_id,
            parent=None,
            values=values,
            original=_text(raw),
            notes=notes,
        )
    for raw, task_id in zip(tag.tasks, task_ids, strict=True):
        for position, sub in enumerate(_subtasks(raw), start=1):
            values = _object(sub, f"{tag.name}/{task_id}.{position}")
            notes = Notes()
            own_id = (id_text(values.get("id")) or f"?{position}").rpartition(".")[2]
            yield Record(
                id=_told_apart(unique, f"{task_id}.{own_id}", notes),
                own_id=own_id,
                parent=task_id,
                values=values,
                original=_text(sub),
                notes=notes,
            )


def _told_apart(unique: UniqueIds, wanted: str, remark: Remark) -> str:
    given = unique(wanted)
    if given != wanted:
        remark("duplicate_id", f"The id {wanted} stands there more than once; this is {given}.")
    return given


def _subtasks(raw: msgspec.Raw) -> list[msgspec.Raw]:
    try:
        subtasks = msgspec.json.decode(raw, type=dict[str, msgspec.Raw]).get("subtasks")
        return msgspec.json.decode(subtasks, type=list[msgspec.Raw]) if subtasks else []
    except msgspec.ValidationError:
        return []


def _object(raw: msgspec.Raw, where: str) -> dict[str, Any]:
    try:
        values = json.loads(bytes(raw), parse_float=str)  # the id 3.10 is not 3.1
    except ValueError as error:
        raise FileNotUnderstood(why=f"the record {where} cannot be read ({error}).") from error
    if not isinstance(values, dict):
        raise FileNotUnderstood(why=f"the record {where} is not an object.")
    return values  # pyright: ignore[reportUnknownVariableType]


def _text(raw: msgspec.Raw) -> str:
    return bytes(raw).decode()


def _task(tag: Tag, record: Record) -> ParsedTask:
    values, remark = record.values, record.notes
    status, status_word = status_of(values.get("status") or "pending", remark)
    depends_on = _dependencies(record, tag.ids)
    if status_word == BLOCKED and set(depends_on) - tag.finished:
        status = TaskStatus.TODO
    return ParsedTask(
        list=tag.name,
        id=record.id,
        parent=record.parent,
        title=title_of(values.get("title"), record.id, remark),
        status=status,
        priority=_priority(values.get("priority"), record),
        description=long_text(values.get("description"), "description", remark),
        details=long_text(values.get("details"), "details", remark),
        test_strategy=long_text(values.get("testStrategy"), "testStrategy", remark),
        acceptance=acceptance_of(values.get("acceptanceCriteria"), remark),
        complexity=complexity_of(values.get("complexity")),
        labels=labels_of(values.get("labels"), remark),
        due_on=day_of(values.get("dueDate")),
        depends_on=depends_on,
        custom=custom_of("taskmaster", further(record), remark),
        created_at=moment_of(values.get("createdAt")),
        updated_at=moment_of(values.get("updatedAt")),
        given=_given(status_word, values.get("priority")),
        notes=remark.all(),
        original=record.original,
    )


def _given(status: str, priority: Any) -> dict[str, str]:
    return {"status": status} | ({"priority": text_of(priority)} if priority is not None else {})


def _priority(value: Any, record: Record) -> Priority:
    """Task Master's tasks without a priority are medium; subtasks have none of their own."""
    if value is None:
        return Priority.NONE if record.parent else Priority.MEDIUM
    word = text_of(value).strip().lower()
    if word not in PRIORITIES:
        record.notes("unknown_priority", f"Its priority {word!r} is not known; it has none.")
        return Priority.NONE
    return PRIORITIES[word]


def _dependencies(record: Record, ids: set[str]) -> tuple[str, ...]:
    wanted: Any = record.values.get("dependencies") or []
    found: dict[str, None] = {}
    for value in wanted if isinstance(wanted, list) else [wanted]:  # pyright: ignore[reportUnknownVariableType]
        if target := resolved(value, record, ids):
            found[target] = None
    return tuple(found)


def resolved(value: Any, record: Record, ids: Container[str]) -> str | None:
    """The id that a dependency means.

    Bare in a subtask: its sibling if there is one, else the task. Dotted: that subtask.
    """
    text = id_text(value)
    if text is None:
        record.notes("dangling_dependency", f"Its dependency {value!r} is no id.")
        return None
    sibling = f"{record.parent}.{text}" if record.parent and "." not in text else ""
    if sibling in ids:
        if isinstance(value, str) and text in ids:
            record.notes(
                "ambiguous_dependency",
                f"Its dependency {text!r} could be task {text} or its sibling {sibling}; "
                "it was read as the sibling, as Task Master's 'next' reads it.",
            )
        return sibling
    if text in ids:
        return text
    record.notes("dangling_dependency", f"Its dependency {text} is not in the file.")
    return None


def further(record: Record) -> dict[str, Any]:
    """All that has no field of its own here."""
    values: dict[str, Any] = json.loads(record.original)
    return {name: value for name, value in values.items() if name not in _TAKEN}
