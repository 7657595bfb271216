"""Task Master's tasks.json, tagged and legacy, as a ParsedBacklog: pure.

Formats and their traps as found in public files: ids are integers, strings or floats; statuses and
dependencies come in several forms; a subtask's bare dependency means its sibling.
"""

import json
import re
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from nexus.features.imports.domain import Note, ParsedBacklog, ParsedList, ParsedTask
from nexus.features.imports.errors import FileNotUnderstood
from nexus.features.tasks.domain import Priority, TaskStatus
from nexus.platform.instants import in_utc

FORMAT = "taskmaster"
DEFAULT_TAG = "master"
MAX_TITLE, MAX_TEXT, MAX_CUSTOM, MAX_ACCEPTANCE = 500, 100_000, 30_000, 100

STATUSES = {
    "pending": TaskStatus.TODO,
    "open": TaskStatus.TODO,
    "ready": TaskStatus.TODO,
    "todo": TaskStatus.TODO,
    "in-progress": TaskStatus.IN_PROGRESS,
    "in_progress": TaskStatus.IN_PROGRESS,
    "started": TaskStatus.IN_PROGRESS,
    "review": TaskStatus.IN_REVIEW,
    "hooked": TaskStatus.IN_PROGRESS,
    "deferred": TaskStatus.DEFERRED,
    "pinned": TaskStatus.DEFERRED,
    "done": TaskStatus.DONE,
    "completed": TaskStatus.DONE,
    "closed": TaskStatus.DONE,
    "cancelled": TaskStatus.CANCELLED,
    "canceled": TaskStatus.CANCELLED,
    "wontfix": TaskStatus.CANCELLED,
}
PRIORITIES = {
    "critical": Priority.CRITICAL,
    "high": Priority.HIGH,
    "medium": Priority.MEDIUM,
    "low": Priority.LOW,
}
_TAKEN = {
    "id", "title", "description", "details", "testStrategy", "status", "priority",
    "dependencies", "subtasks", "complexity", "acceptanceCriteria", "createdAt", "updatedAt",
    "parentTaskId", "parentId", "parentTask", "isSubtask",
}  # fmt: skip
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+(?:\[[ xX]\]\s+)?")


class _List(msgspec.Struct):
    tasks: list[msgspec.Raw]


@dataclass(frozen=True, kw_only=True)
class _Record:
    """A record as it stands in the file; `own_id` is the part of the id after the last dot."""

    id: str
    own_id: str
    parent: str | None
    values: dict[str, Any]
    original: str


def parse(content: bytes) -> ParsedBacklog:
    """Raises FileNotUnderstood, with a sentence that says why, for everything else."""
    try:
        return _parse(content)
    except RecursionError as error:
        raise FileNotUnderstood(why="it is nested too deeply.") from error


def _parse(content: bytes) -> ParsedBacklog:
    notes: list[Note] = []
    lists: list[ParsedList] = []
    for tag, raw_tasks in _tags(content):
        records = _records(tag, raw_tasks, notes)
        tasks = [_task(tag, record, notes) for record in records]
        tasks = _with_dependencies(tag, records, tasks, notes)
        # Tasks before subtasks, so that in a new project task 7 of the file becomes KEY-7.
        tasks.sort(key=lambda task: task.parent is not None)
        lists.append(
            ParsedList(name=tag, is_default=tag == DEFAULT_TAG, tasks=tuple(_unblocked(tasks)))
        )
    return ParsedBacklog(format=FORMAT, lists=tuple(lists), notes=tuple(notes))


def _tags(content: bytes) -> list[tuple[str, list[msgspec.Raw]]]:
    try:
        root = msgspec.json.decode(
            content.removeprefix(b"\xef\xbb\xbf"), type=dict[str, msgspec.Raw]
        )
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FileNotUnderstood(why=f"it is not a JSON object ({error}).") from error
    tagged: dict[str, list[msgspec.Raw]] = {}
    for tag, raw in root.items():
        try:
            tagged[_tag_name(tag, tagged)] = msgspec.json.decode(raw, type=_List).tasks
        except msgspec.ValidationError:
            continue
    if "tasks" in root and "tasks" not in tagged:  # legacy, or left over beside the tags
        try:
            untagged = msgspec.json.decode(root["tasks"], type=list[msgspec.Raw])
            tagged["tasks" if DEFAULT_TAG in tagged else DEFAULT_TAG] = untagged
        except msgspec.ValidationError:
            pass
    if tagged:
        return list(tagged.items())
    raise FileNotUnderstood(
        why="it is JSON, but no Task Master file: it has neither a list 'tasks' nor tags that "
        "hold one."
    )


def _tag_name(tag: str, taken: Container[str]) -> str:
    """The tag as it can be stored; what two tags would share is told apart."""
    name = _words(tag)[:100] or DEFAULT_TAG
    count = 1
    while name in taken:
        count += 1
        name = f"{name[:90]}#{count}"
    return name


def _records(tag: str, raw_tasks: Sequence[msgspec.Raw], notes: list[Note]) -> list[_Record]:
    """All tasks and subtasks in the order of the file, each with an id of its own."""
    found: list[_Record] = []
    seen: Counter[str] = Counter()
    taken: set[str] = set()

    def unique(wanted: str) -> str:
        given = wanted
        while given in taken:
            seen[wanted] += 1
            given = f"{wanted}#{seen[wanted] + 1}"
        taken.add(given)
        if given != wanted:
            message = f"The id {wanted} stands there more than once; this is {given}."
            notes.append(Note(record=f"{tag}/{wanted}", code="duplicate_id", message=message))
        return given

    for position, raw in enumerate(raw_tasks, start=1):
        values = _object(raw, f"{tag}/{position}")
        own_id = _id_text(values.get("id")) or f"?{position}"
        task_id = unique(own_id)
        found.append(
            _Record(id=task_id, own_id=own_id, parent=None, values=values, original=_text_of(raw))
        )
        for sub_position, sub in enumerate(_subtasks(raw), start=1):
            sub_values = _object(sub, f"{tag}/{task_id}.{sub_position}")
            text = _id_text(sub_values.get("id")) or f"?{sub_position}"
            own = text.rpartition(".")[2]
            found.append(
                _Record(
                    id=unique(f"{task_id}.{own}"),
                    own_id=own,
                    parent=task_id,
                    values=sub_values,
                    original=_text_of(sub),
                )
            )
    return found


def _subtasks(raw: msgspec.Raw) -> list[msgspec.Raw]:
    try:
        subtasks = msgspec.json.decode(raw, type=dict[str, msgspec.Raw]).get("subtasks")
        return msgspec.json.decode(subtasks, type=list[msgspec.Raw]) if subtasks else []
    except msgspec.ValidationError:
        return []


def _object(raw: msgspec.Raw, where: str) -> dict[str, Any]:
    try:
        values = json.loads(bytes(raw), parse_float=str)  # the id 3.10 is not 3.1
    except (ValueError, RecursionError) as error:
        raise FileNotUnderstood(why=f"the record {where} cannot be read ({error}).") from error
    if not isinstance(values, dict):
        raise FileNotUnderstood(why=f"the record {where} is not an object.")
    return values  # pyright: ignore[reportUnknownVariableType]


def _text_of(raw: msgspec.Raw) -> str:
    return bytes(raw).decode()


def _task(tag: str, record: _Record, notes: list[Note]) -> ParsedTask:
    where = f"{tag}/{record.id}"

    def note(code: str, message: str) -> None:
        notes.append(Note(record=where, code=code, message=message))

    values = record.values
    title = " ".join(_words(values.get("title")).split())
    if not title:
        title = f"Untitled ({record.id})"
        note("no_title", "It has no title.")
    if len(title) > MAX_TITLE:
        note("title_cut", f"Its title is longer than {MAX_TITLE} characters and was cut.")
    return ParsedTask(
        id=record.id,
        parent=record.parent,
        title=title[:MAX_TITLE],
        status=_status(values.get("status"), note),
        priority=_priority(values.get("priority"), record, note),
        description=_long(values.get("description"), "description", note),
        details=_long(values.get("details"), "details", note),
        test_strategy=_long(values.get("testStrategy"), "testStrategy", note),
        acceptance=_acceptance(values.get("acceptanceCriteria"), note),
        complexity=_complexity(values.get("complexity")),
        custom=_custom(record, note),
        created_at=_moment(values.get("createdAt")),
        updated_at=_moment(values.get("updatedAt")),
        original=record.original,
    )


def _status(value: Any, note: Any) -> TaskStatus:
    word = _words(value or "pending").strip().lower()
    if word == "blocked":
        return TaskStatus.DEFERRED  # or open, if it waits for something: see _unblocked
    if word not in STATUSES:
        note("unknown_status", f"Its status {word!r} is not known; it is in the backlog.")
        return TaskStatus.BACKLOG
    return STATUSES[word]


def _priority(value: Any, record: _Record, note: Any) -> Priority:
    """Task Master's tasks without a priority are medium; subtasks have none of their own."""
    if value is None:
        return Priority.NONE if record.parent else Priority.MEDIUM
    word = _words(value).strip().lower()
    if word not in PRIORITIES:
        note("unknown_priority", f"Its priority {word!r} is not known; it has none.")
        return Priority.NONE
    return PRIORITIES[word]


def _with_dependencies(
    tag: str, records: Sequence[_Record], tasks: Sequence[ParsedTask], notes: list[Note]
) -> list[ParsedTask]:
    ids = {record.id for record in records}
    complete: list[ParsedTask] = []
    for record, task in zip(records, tasks, strict=True):
        wanted: Any = record.values.get("dependencies") or []
        found: dict[str, None] = {}
        for value in wanted if isinstance(wanted, list) else [wanted]:  # pyright: ignore[reportUnknownVariableType]
            target, problem = _resolved(value, record, ids)
            if problem:
                notes.append(Note(record=f"{tag}/{record.id}", code=problem[0], message=problem[1]))
            if target:
                found[target] = None
        complete.append(replace(task, depends_on=tuple(found)))
    return complete


def _resolved(
    value: Any, record: _Record, ids: set[str]
) -> tuple[str | None, tuple[str, str] | None]:
    """The id that a dependency means, and what to say about it.

    Bare in a subtask: its sibling if there is one, else the task. Dotted: that subtask.
    """
    text = _id_text(value)
    if text is None:
        return None, ("dangling_dependency", f"Its dependency {value!r} is no id.")
    sibling = f"{record.parent}.{text}" if record.parent and "." not in text else None
    if sibling in ids:
        if isinstance(value, str) and text in ids:
            return sibling, (
                "ambiguous_dependency",
                (
                    f"Its dependency {text!r} could be task {text} or its sibling {sibling}; "
                    "it was read as the sibling, as Task Master's 'next' reads it."
                ),
            )
        return sibling, None
    if text in ids:
        return text, None
    return None, ("dangling_dependency", f"Its dependency {text} is not in the file.")


def _unblocked(tasks: Sequence[ParsedTask]) -> list[ParsedTask]:
    """'blocked' is no status here: it follows from what a task waits for."""
    finished = {task.id for task in tasks if task.status.is_finished}
    return [
        replace(task, status=TaskStatus.TODO)
        if _given_status(task) == "blocked" and set(task.depends_on) - finished
        else task
        for task in tasks
    ]


def _given_status(task: ParsedTask) -> str:
    return str(json.loads(task.original).get("status") or "").strip().lower()


def _id_text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return str(value).replace("\x00", "").strip()[:100] or None


def _words(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.replace("\x00", "")


def _long(value: Any, name: str, note: Any) -> str:
    text = _words(value)
    if len(text) > MAX_TEXT:
        note("text_cut", f"Its {name} is longer than {MAX_TEXT} characters and was cut.")
    return text[:MAX_TEXT]


def _acceptance(value: Any, note: Any) -> tuple[str, ...]:
    """A list, or a text with one criterion a line."""
    lines = [_words(one) for one in value] if isinstance(value, list) else _words(value).split("\n")  # pyright: ignore[reportUnknownVariableType]
    items = [item for line in lines if (item := " ".join(_BULLET.sub("", line).split()))]
    if len(items) > MAX_ACCEPTANCE or any(len(item) > MAX_TITLE for item in items):
        note(
            "acceptance_cut",
            f"It has more than {MAX_ACCEPTANCE} acceptance criteria, or one longer than "
            f"{MAX_TITLE} characters; the rest is in the original only.",
        )
    return tuple(item[:MAX_TITLE] for item in items[:MAX_ACCEPTANCE])


def _complexity(value: Any) -> int | None:
    words = {"simple": 2, "moderate": 5, "complex": 7, "very-complex": 9}
    if isinstance(value, str):
        return words.get(value.strip().lower())
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 10:
        return value
    return None


def _custom(record: _Record, note: Any) -> dict[str, Any]:
    """All that has no field of its own here, under the format's name."""
    values: dict[str, Any] = json.loads(record.original)
    rest: dict[str, Any] = _clean({n: value for n, value in values.items() if n not in _TAKEN})
    if not rest:
        return {}
    try:
        size = len(msgspec.json.encode(rest))
    except (ValueError, OverflowError, RecursionError):
        size = MAX_CUSTOM + 1
    if size > MAX_CUSTOM:
        note("fields_left_out", "Its further fields are too large; they are in the original only.")
        return {}
    return {FORMAT: rest}


def _clean(value: Any) -> Any:
    """A JSON value without NUL, which PostgreSQL cannot store."""
    match value:
        case str():
            return value.replace("\x00", "")
        case list():
            return [_clean(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
        case dict():
            return {_clean(name): _clean(one) for name, one in value.items()}  # pyright: ignore[reportUnknownVariableType]
        case _:
            return value


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return in_utc(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except ValueError:
        return None
