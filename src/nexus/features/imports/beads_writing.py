"""Writing Beads' issues.jsonl: pure.

A line that nobody changed is written as it stands in the file that came in, byte for byte, and
where it stands; of an issue that was changed, the fields that were.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime
from typing import IO, Any

import msgspec
from typing_extensions import Buffer

from nexus.features.imports.beads_index import BeadsIndex, fields_of, lines_of, listed, tidied
from nexus.features.imports.lineage import UniqueIds
from nexus.features.imports.outgoing import Departure, Outgoing, Said
from nexus.features.imports.shaping import text_of
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

    def is_in_place(self, own_id: str, parent: str | None) -> bool:  # noqa: ARG002 - an id says nothing
        return True

    def has_said(self, original: str, comment: Said) -> bool:
        entries = listed(msgspec.json.decode(original, type=Fields).get("comments"))
        texts = [text_of(fields_of(entry).get("text")).strip() for entry in entries]
        return any(text and comment.text.endswith(text) for text in texts)

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
        start = 0
        for line in lines_of(self._data):
            own_id = names.get(start)
            start += len(line)
            text = tidied(line)
            if own_id in changed:
                fields = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
                whole = self._index.issue(own_id)
                yield msgspec.json.encode(_changed(dict(fields), whole, changed[own_id]))
            elif text and own_id not in gone and not _is_part(text, changed.keys() | gone):
                yield text


def _is_part(text: bytes, of: Collection[str]) -> bool:
    """Whether a line of a backup belongs to one of these issues, which hold all themselves now."""
    if b'"issue_id"' not in text:
        return False
    values = msgspec.json.decode(text, type=Fields)
    return "title" not in values and "event_type" not in values and values.get("issue_id") in of


def _changed(fields: Fields, whole: Fields, outgoing: Outgoing) -> Fields:
    """An issue as it stands in the file, with what was changed; `whole` has its parts in it."""
    for name in ("labels", "dependencies", "comments"):
        if whole[name]:
            fields.setdefault(name, whole[name])
    for name, values in _values(outgoing).items():
        if name in outgoing.changed:
            fields |= values
    if outgoing.changed & {"depends_on", "parent", "relations"}:
        fields["dependencies"] = _kept_relations(whole, outgoing) + _relations(outgoing)
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
    for values in _values(outgoing).values():
        own |= values
    own |= {
        "created_at": _moment(task.created_at),
        "updated_at": _moment(task.updated_at),
        "started_at": _moment(task.started_at),
        "assignee": task.assignees[0].handle if task.assignees else None,
        "dependencies": _relations(outgoing),
        "comments": _comments(outgoing),
        **(task.custom.get("beads") or {}),
    }
    return {name: value for name, value in own.items() if value or name == "priority"}


def _values(outgoing: Outgoing) -> dict[str, Fields]:
    """What Beads calls each field, and what stands there; None where nothing is to stand."""
    task = outgoing.task
    kinds = [label for label in task.labels if label in KINDS]
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


def _kept_relations(whole: Fields, outgoing: Outgoing) -> list[Any]:
    """The entries of the file that still hold, or that never came in."""
    needs, related = set(outgoing.depends_on), {one.to for one in outgoing.relations}
    kept: list[Any] = []
    for entry in whole["dependencies"]:
        fields = fields_of(entry)
        kind, target = fields.get("type", "blocks"), fields.get("depends_on_id", entry)
        still = {outgoing.parent} if kind == PARENT else needs if kind in NEEDS else related
        if target in still:
            kept.append(entry)
    return kept


def _relations(outgoing: Outgoing) -> list[Fields]:
    original = msgspec.json.decode(outgoing.original, type=Fields) if outgoing.original else {}
    entries = [fields_of(entry) for entry in listed(original.get("dependencies"))]
    there = {(entry.get("type", "blocks"), entry.get("depends_on_id")) for entry in entries}
    wanted = [("blocks", one) for one in outgoing.depends_on]
    if outgoing.parent:
        wanted.append((PARENT, outgoing.parent))
    wanted += [(one.kind, one.to) for one in outgoing.relations if one.to]
    targets = {target for kind, target in there if kind in NEEDS}
    return [
        {
            "issue_id": outgoing.name[1],
            "depends_on_id": target,
            "type": kind,
            "created_at": _moment(outgoing.task.updated_at),
        }
        for kind, target in wanted
        if (kind, target) not in there and not (kind == "blocks" and target in targets)
    ]


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
