"""Writing Beads' issues.jsonl: pure.

A line that nobody changed is written as it stands in the file that came in, byte for byte, and
where it stands; of an issue that was changed, the fields that were.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import IO, Any

import msgspec
from typing_extensions import Buffer

from nexus.features.imports.beads import comments_of
from nexus.features.imports.beads_index import BeadsIndex, fields_of, lines_of, tidied
from nexus.features.imports.beads_relations import relations_of
from nexus.features.imports.lineage import UniqueIds
from nexus.features.imports.outgoing import Departure, Name, Outgoing, Said, said_by
from nexus.features.imports.shaping import Notes, id_text, text_of
from nexus.features.tasks.domain import TaskStatus, TaskSummary

STATUSES = {
    TaskStatus.BACKLOG: "deferred",
    TaskStatus.TODO: "open",
    TaskStatus.IN_PROGRESS: "in_progress",
    TaskStatus.IN_REVIEW: "in_progress",
    TaskStatus.DEFERRED: "deferred",
    TaskStatus.DONE: "closed",
    TaskStatus.CANCELLED: "closed",
}
"""Beads has one word for what is done and what was given up; a reason tells them apart."""

KINDS = {"bug", "feature", "task", "epic", "chore"}
PARENT, NEEDS = "parent-child", {"blocks", "conditional-blocks", "waits-for"}

Fields = dict[str, Any]


class BeadsWriter:
    is_nesting = True

    def __init__(self, data: Buffer) -> None:
        self._data = memoryview(data)
        self._index = BeadsIndex(data) if len(self._data) else None
        self.only_list = self._index.prefix() if self._index else "beads"
        self._unique = UniqueIds(self._index.lines if self._index else ())

    def name(self, list_name: str, task: TaskSummary, parent: str | None) -> str:  # noqa: ARG002 - as in FileWriter
        return self._unique(task.key.lower())

    def holds(self, name: Name) -> bool:
        return self._index is not None and name[1] in self._index.lines

    def is_in_place(self, name: Name, parent: str | None) -> bool:
        """An id such as bd-7.1 says what it is part of, unless the issue says it."""
        if parent or self._index is None or not self.holds(name):
            return True
        own_id = name[1]
        found = relations_of(own_id, self._index.issue(own_id), self._index, Notes())
        return found.parent is None or found.parent != own_id.rpartition(".")[0]

    def has_said(self, name: Name, comment: Said) -> bool:
        if self._index is None:
            return False
        entries = comments_of(self._index.issue(name[1])["comments"], Notes())
        return any(said_by(one.author, one.text) == comment.text for one in entries)

    def write(self, departure: Departure, into: IO[bytes]) -> None:
        if departure.is_as_it_came:
            into.write(self._data)
            return
        for line in self._lines(departure):
            into.write(line + b"\n")
        for outgoing in departure.fresh.get(self.only_list, ()):
            into.write(msgspec.json.encode(_new(outgoing)) + b"\n")

    def _lines(self, departure: Departure) -> Iterator[bytes]:
        """The lines of the file, as they stand there or as they are by now."""
        if self._index is None:
            return
        names = {start: own_id for own_id, start in self._index.lines.items()}
        changed = {own_id: one for (_, own_id), one in departure.changed.items()}
        gone = {own_id for _, own_id in departure.gone}
        live = {own_id for own_id in self._index.lines if self._index.is_live(own_id)}
        for start in self._index.doubles:
            if id_text(self._index.values(start).get("id")) in gone:
                names[start] = ""
        start = 0
        for line in lines_of(self._data):
            own_id = names.get(start)
            start += len(line)
            text = tidied(line)
            if own_id in changed:
                fields = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
                whole = self._index.issue(own_id)
                yield msgspec.json.encode(_changed(dict(fields), whole, changed[own_id], live))
            elif text and own_id not in {"", *gone} and not _is_part(text, changed.keys() | gone):
                yield text


def _is_part(text: bytes, of: Collection[str]) -> bool:
    """Whether a line of a backup belongs to one of these issues, which hold all themselves now."""
    if b'"issue_id"' not in text:
        return False
    values = msgspec.json.decode(text, type=Fields)
    return "title" not in values and "event_type" not in values and values.get("issue_id") in of


def _changed(fields: Fields, whole: Fields, outgoing: Outgoing, live: Collection[str]) -> Fields:
    """An issue as it stands in the file, with what was changed; `whole` has its parts in it."""
    for name in ("labels", "dependencies", "comments"):
        if whole[name]:
            fields.setdefault(name, whole[name])
    for name, values in _values(outgoing, text_of(whole.get("issue_type"))).items():
        if name in outgoing.changed:
            fields |= values
    if outgoing.changed & {"depends_on", "parent", "relations"}:
        kept = _kept_relations(whole, outgoing, live)
        fields["dependencies"] = kept + _relations(outgoing, kept)
        fields["external_ref"] = next((one.url for one in outgoing.relations if one.url), None)
        fields.pop("parent", None)
    if "comments" in outgoing.changed:
        fields["comments"] = whole["comments"] + _comments(outgoing)
    if "custom" in outgoing.changed:
        fields |= outgoing.task.custom.get("beads") or {}
    fields["updated_at"] = _moment(outgoing.task.updated_at)
    return {name: value for name, value in fields.items() if value is not None}


def _new(outgoing: Outgoing) -> Fields:
    own: Fields = {"id": outgoing.name[1]}
    task = outgoing.task
    for values in _values(outgoing, "").values():
        own |= values
    own |= {
        "created_at": _moment(task.created_at),
        "updated_at": _moment(task.updated_at),
        "started_at": _moment(task.started_at),
        "assignee": task.assignees[0].handle if task.assignees else None,
        "dependencies": _relations(outgoing, []),
        "external_ref": next((one.url for one in outgoing.relations if one.url), None),
        "comments": _comments(outgoing),
    }
    further: Fields = task.custom.get("beads") or {}
    said = {name: value for name, value in own.items() if value or name == "priority"}
    return further | said


def _values(outgoing: Outgoing, kind: str) -> dict[str, Fields]:
    """What Beads calls each field, and what stands there; None where nothing is to stand.

    The type of an issue is a label here: the one that it was, or one that Beads knows.
    """
    task = outgoing.task
    kinds = [label for label in task.labels if label == kind]
    kinds = kinds or [label for label in task.labels if label in KINDS]
    is_cancelled = task.status is TaskStatus.CANCELLED
    closed: Fields = {
        "status": STATUSES[task.status],
        "closed_at": _moment(task.finished_at) if task.is_finished else None,
        "close_reason": "cancelled" if is_cancelled else None,
    }
    labels = [label for label in task.labels if label not in kinds[:1]]
    return {
        "title": {"title": task.title},
        "description": {"description": task.description},
        "details": _designed(task.details),
        "acceptance": {
            "acceptance_criteria": "\n".join(f"- {item.text}" for item in task.acceptance) or None
        },
        "test_strategy": {"test_strategy": task.test_strategy or None},
        "status": closed,
        "priority": {"priority": task.priority.value},
        "labels": {"issue_type": next(iter(kinds), "task"), "labels": labels or None},
        "due_on": {"due_at": _midnight(task.due_on)},
    }


def _designed(details: str) -> Fields:
    """The two texts that an import makes one of."""
    design, mark, notes = details.partition("## Notes\n\n")
    if mark and (not design or design.startswith("## Design\n\n")):
        design = design.removeprefix("## Design\n\n").removesuffix("\n\n")
        return {"design": design or None, "notes": notes}
    return {"design": details or None, "notes": None}


def _kept_relations(whole: Fields, outgoing: Outgoing, live: Collection[str]) -> list[Any]:
    """The entries of the file that still hold, and those that never came in."""
    needs, related = set(outgoing.depends_on), {one.to for one in outgoing.relations}
    kept: list[Any] = []
    for entry in whole["dependencies"]:
        kind, target = _read(entry)
        still = {outgoing.parent} if kind == PARENT else needs if kind in NEEDS else related
        if target in still or target in outgoing.left_out or target not in live:
            kept.append(entry)
    return kept


def _relations(outgoing: Outgoing, kept: Sequence[Any]) -> list[Fields]:
    """What does not stand among the entries that were kept."""
    there = {("blocks" if kind in NEEDS else kind, target) for kind, target in map(_read, kept)}
    related = {target for kind, target in there if kind not in {"blocks", PARENT}}
    wanted = [("blocks", one) for one in outgoing.depends_on]
    if outgoing.parent:
        wanted.append((PARENT, outgoing.parent))
    wanted += [(one.kind, one.to) for one in outgoing.relations if one.to and one.to not in related]
    return [
        {
            "issue_id": outgoing.name[1],
            "depends_on_id": target,
            "type": kind,
            "created_at": _moment(outgoing.task.updated_at),
        }
        for kind, target in wanted
        if (kind, target) not in there
    ]


def _read(entry: Any) -> tuple[str, Any]:
    """The kind of an entry and what it leads to."""
    fields = fields_of(entry)
    if not fields:
        return "blocks", entry
    return text_of(fields.get("type") or "blocks").strip().lower(), fields.get("depends_on_id")


def _comments(outgoing: Outgoing) -> list[Fields]:
    return [
        {
            "id": said.id,
            "issue_id": outgoing.name[1],
            "author": said.author,
            "text": said.text,
            "created_at": _moment(said.created_at),
        }
        for said in outgoing.comments
    ]


def _moment(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def _midnight(day: date | None) -> str | None:
    return f"{day.isoformat()}T00:00:00Z" if day else None
