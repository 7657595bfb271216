"""Beads' issues.jsonl, and the tables of its backup one after the other: pure.

A line is an issue. Only a title is certain to be there; whatever else is missing or odd is noted.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import msgspec
from typing_extensions import Buffer

from nexus.features.imports.beads_index import (
    CONFLICT_MARKERS,
    MAX_NESTING,
    BeadsIndex,
    fields_of,
    is_deeper,
    is_setting,
    lines_of,
    object_of,
    tidied,
)
from nexus.features.imports.beads_relations import relations_of
from nexus.features.imports.domain import Note, ParsedComment, ParsedLink, ParsedList, ParsedTask
from nexus.features.imports.errors import FileNotUnderstood
from nexus.features.imports.lineage import UniqueIds, depths_of, open_circles
from nexus.features.imports.shaping import (
    BLOCKED,
    Notes,
    Remark,
    acceptance_of,
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

_TAKEN = {
    "_type", "id", "title", "description", "design", "notes", "acceptance_criteria", "status",
    "priority", "issue_type", "labels", "due_at", "created_at", "updated_at", "started_at",
    "closed_at", "parent", "dependencies", "comments",
    "dependency_count", "dependent_count", "comment_count", "content_hash",
}  # fmt: skip
_JSON_IN_TEXT = {"metadata", "waiters"}
_URL = re.compile(r"https?://[^\s\x00-\x1f]{1,1900}", re.IGNORECASE)


class BeadsFile:
    """Raises FileNotUnderstood, with a sentence that says why, for what is none.

    It keeps an index of the data, never the issues.
    """

    format = "beads"
    is_partial = False

    def __init__(self, data: Buffer) -> None:
        self._index = BeadsIndex(data)
        parents = self._parents()
        self._orphaned = open_circles(parents, self._index.lines)
        depths = depths_of(parents)
        self._order = sorted(self._index.lines, key=lambda own_id: depths.get(own_id, 0))
        self.lists = [ParsedList(name=self._index.prefix(), is_default=True)]

    def records(self) -> Iterator[ParsedTask]:
        """Issues by how deep they lie, each depth in the order of the file; then what is none."""
        for own_id in self._order:
            if own_id in self._index.deleted:
                yield self._deleted(own_id)
            else:
                yield self._task(own_id)
        unique = UniqueIds(self._index.lines)
        for start in self._index.doubles:
            yield self._double(start, unique)
        for start in self._index.memories:
            yield self._memory(start, unique)

    def _parents(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for own_id in self._index.lines:
            if own_id not in self._index.deleted:
                values = self._index.issue(own_id)
                if parent := relations_of(own_id, values, self._index, Notes()).parent:
                    found[own_id] = parent
        return found

    def _task(self, own_id: str) -> ParsedTask:
        values, remark = self._index.issue(own_id), Notes()
        relations = relations_of(own_id, values, self._index, remark)
        status, status_word = status_of(values.get("status") or "open", remark)
        if status_word == BLOCKED and set(relations.depends_on) - self._index.finished:
            status = TaskStatus.TODO
        if own_id in self._orphaned:
            remark("parent_cycle", f"It is part of {relations.parent} and that is part of it.")
        if values.get("ephemeral") or values.get("wisp"):
            remark("ephemeral", "It is ephemeral in Beads: it would go away there by itself.")
        return ParsedTask(
            list=self.lists[0].name,
            id=own_id,
            parent=None if own_id in self._orphaned else relations.parent,
            title=title_of(values["title"], own_id, remark),
            status=status,
            priority=_priority(values.get("priority"), remark),
            description=long_text(values.get("description"), "description", remark),
            details=long_text(_details(values), "design and notes", remark),
            acceptance=acceptance_of(values.get("acceptance_criteria"), remark),
            labels=_labels(values, remark),
            due_on=day_of(values.get("due_at")),
            depends_on=relations.depends_on,
            links=(*relations.links, *_external(values.get("external_ref"))),
            comments=comments_of(values["comments"], remark),
            custom=custom_of("beads", _further(values), remark),
            created_at=moment_of(values.get("created_at")),
            updated_at=moment_of(values.get("updated_at")),
            started_at=moment_of(values.get("started_at")),
            finished_at=moment_of(values.get("closed_at")) if status.is_finished else None,
            given=_given(status_word, values),
            notes=remark.all(),
            original=self._index.original(self._index.lines[own_id]),
        )

    def _deleted(self, own_id: str) -> ParsedTask:
        start = self._index.lines[own_id]
        title = self._index.values(start)["title"]
        record = self._aside(start, own_id, title, why="It was deleted in Beads.")
        return replace(record, is_deleted=True)

    def _double(self, start: int, unique: UniqueIds) -> ParsedTask:
        values = self._index.values(start)
        own_id = id_text(values.get("id")) or ""
        made_id = unique(own_id)
        why = f"The id {own_id} stands there more than once; this is not the newest of them."
        record = self._aside(start, made_id, values["title"], why=why)
        return replace(record, notes=(Note(code="duplicate_id", message=why),))

    def _memory(self, start: int, unique: UniqueIds) -> ParsedTask:
        values = self._index.values(start)
        key = text_of(values.get("key"))
        record = self._aside(
            start, unique(f"memory:{key[:100]}"), key, why="It is a memory, not a task."
        )
        return replace(record, description=long_text(values.get("value"), "value", Notes()))

    def _aside(self, start: int, record_id: str, title: Any, *, why: str) -> ParsedTask:
        return ParsedTask(
            list=self.lists[0].name,
            id=record_id,
            title=title_of(title, record_id, Notes()),
            status=TaskStatus.CANCELLED,
            priority=Priority.NONE,
            set_aside=why,
            original=self._index.original(start),
        )


def is_beads(data: Buffer) -> bool:
    """Whether the first line that is not empty is an object by itself as Beads writes them."""
    texts = (tidied(line) for line in islice(lines_of(data), 1000))
    says_something = (text for text in texts if text and not text.startswith(CONFLICT_MARKERS))
    try:
        first = object_of(next(says_something, b""), 1)
    except FileNotUnderstood:
        return False
    if any("tasks" in fields_of(one) for one in (first, *first.values())):
        return False  # of Task Master, on one line
    return is_setting(first) or not first.keys().isdisjoint({"title", "_type", "issue_id"})


def _priority(value: Any, remark: Remark) -> Priority:
    """Beads counts as Nexus does: from 0, the most urgent, to 4."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= Priority.NONE:
        return Priority(value)
    if value is not None:
        remark("unknown_priority", f"Its priority {_word(value)!r} is not known; it is medium.")
    return Priority.MEDIUM


def _details(values: dict[str, Any]) -> str:
    design, notes = text_of(values.get("design")), text_of(values.get("notes"))
    if not notes:
        return design
    above = f"## Design\n\n{design}\n\n" if design else ""
    return f"{above}## Notes\n\n{notes}"


def _labels(values: dict[str, Any], remark: Remark) -> tuple[str, ...]:
    return labels_of([*_kind(values), *values["labels"]], remark)


def _kind(values: dict[str, Any]) -> list[str]:
    """The type of an issue, unless it is a task like any other."""
    kind = _word(values.get("issue_type"))
    return [kind] if kind and kind != "task" else []


def _external(reference: Any) -> list[ParsedLink]:
    url = text_of(reference).strip()
    return [ParsedLink(kind="external", url=url)] if _URL.fullmatch(url) else []


def comments_of(entries: list[Any], remark: Remark) -> tuple[ParsedComment, ...]:
    unique = UniqueIds()
    found: list[ParsedComment] = []
    for position, entry in enumerate(entries, start=1):
        fields = fields_of(entry)
        if text := long_text(fields.get("text"), "comment", remark).strip():
            comment = ParsedComment(
                id=unique(id_text(fields.get("id")) or f"?{position}"),
                author=_word(fields.get("author")) or "Somebody",
                text=text,
                created_at=moment_of(fields.get("created_at")),
            )
            found.append(comment)
    return tuple(found)


def _further(values: dict[str, Any]) -> dict[str, Any]:
    """All that has no field of its own here, without what is empty, zero or false."""
    rest = {
        name: _read(value) if name in _JSON_IN_TEXT else value
        for name, value in values.items()
        if name not in _TAKEN
    }
    return {name: value for name, value in rest.items() if value}


def _read(value: Any) -> Any:
    """What a text holds as JSON; the backup's tables have it in texts."""
    try:
        found = msgspec.json.decode(value) if isinstance(value, str) else value
    except (msgspec.DecodeError, RecursionError):
        return value
    return value if is_deeper(found, MAX_NESTING) else found


def _given(status_word: str, values: dict[str, Any]) -> dict[str, str]:
    priority = values.get("priority")
    given = {"status": status_word[:100], "type": "".join(_kind(values))}
    given["priority"] = "" if priority is None else _word(priority)
    return {name: word for name, word in given.items() if word}


def _word(value: Any) -> str:
    """One line that is not too long."""
    return " ".join(text_of(value).split())[:100]
