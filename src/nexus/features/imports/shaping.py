"""Values of a foreign file as they can be kept here: tidied, cut where too long, and noted."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from nexus.features.imports.domain import Note
from nexus.features.tasks.domain import TaskStatus
from nexus.platform.instants import in_utc

MAX_TITLE, MAX_TEXT, MAX_CUSTOM, MAX_ACCEPTANCE, MAX_LABELS = 500, 100_000, 30_000, 100, 50
MAX_WORD = 100

STATUSES = {
    "pending": TaskStatus.TODO,
    "open": TaskStatus.TODO,
    "ready": TaskStatus.TODO,
    "todo": TaskStatus.TODO,
    "in-progress": TaskStatus.IN_PROGRESS,
    "started": TaskStatus.IN_PROGRESS,
    "hooked": TaskStatus.IN_PROGRESS,
    "review": TaskStatus.IN_REVIEW,
    "in-review": TaskStatus.IN_REVIEW,
    "deferred": TaskStatus.DEFERRED,
    "pinned": TaskStatus.DEFERRED,
    "backlog": TaskStatus.BACKLOG,
    "done": TaskStatus.DONE,
    "completed": TaskStatus.DONE,
    "closed": TaskStatus.DONE,
    "cancelled": TaskStatus.CANCELLED,
    "canceled": TaskStatus.CANCELLED,
    "wontfix": TaskStatus.CANCELLED,
}
BLOCKED = "blocked"
"""No status here: it follows from what a task waits for, so it is `todo` then, else deferred."""

_COMPLEXITY_WORDS = {"simple": 2, "moderate": 5, "complex": 7, "very-complex": 9}
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+(?:\[[ xX]\]\s+)?")

Remark = Callable[[str, str], None]
"""Takes a note's code and its message."""


class Notes:
    """Collects what is to be said about one record."""

    def __init__(self) -> None:
        self._notes: list[Note] = []

    def __call__(self, code: str, message: str) -> None:
        self._notes.append(Note(code=code, message=message))

    def all(self) -> tuple[Note, ...]:
        return tuple(self._notes)


def text_of(value: Any) -> str:
    """A value as text, without NUL, which PostgreSQL cannot store; JSON where it is no text."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return storable(text)


def storable(text: str) -> str:
    """Without NUL and lone surrogates, which cannot be stored."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def id_text(value: Any) -> str | None:
    """An id as text, whether the file has a number or a string; None for what is no id."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return text_of(str(value)).strip()[:100] or None


def title_of(value: Any, record_id: str, remark: Remark) -> str:
    """One line, cut where it is too long; a record without one is named for its id."""
    title = " ".join(text_of(value).split())
    if not title:
        remark("no_title", "It has no title.")
        return f"Untitled ({record_id})"
    if len(title) > MAX_TITLE:
        remark("title_cut", f"Its title is longer than {MAX_TITLE} characters and was cut.")
    return title[:MAX_TITLE]


def long_text(value: Any, name: str, remark: Remark) -> str:
    text = text_of(value)
    if len(text) > MAX_TEXT:
        remark("text_cut", f"Its {name} is longer than {MAX_TEXT} characters and was cut.")
    return text[:MAX_TEXT]


def status_of(value: Any, remark: Remark) -> tuple[TaskStatus, str]:
    """The status and the word that stood for it. `blocked` is deferred until it is known why."""
    word = text_of(value).strip().lower()[:MAX_WORD]
    if word == BLOCKED:
        return TaskStatus.DEFERRED, word
    known = STATUSES.get(word.replace("_", "-").replace(" ", "-"))
    if known is None:
        remark("unknown_status", f"Its status {word!r} is not known; it is in the backlog.")
        return TaskStatus.BACKLOG, word
    return known, word


def complexity_of(value: Any) -> int | None:
    if isinstance(value, str):
        return _COMPLEXITY_WORDS.get(value.strip().lower())
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 10:
        return value
    return None


def acceptance_of(value: Any, remark: Remark) -> tuple[str, ...]:
    """A list, or a text with one criterion a line."""
    given: list[Any] = value if isinstance(value, list) else text_of(value).split("\n")  # pyright: ignore[reportUnknownVariableType]
    lines = [text_of(one) for one in given]
    items = [item for line in lines if (item := " ".join(_BULLET.sub("", line).split()))]
    if len(items) > MAX_ACCEPTANCE or any(len(item) > MAX_TITLE for item in items):
        remark(
            "acceptance_cut",
            f"It has more than {MAX_ACCEPTANCE} acceptance criteria, or one longer than "
            f"{MAX_TITLE} characters; the rest is in the original only.",
        )
    return tuple(item[:MAX_TITLE] for item in items[:MAX_ACCEPTANCE])


def labels_of(values: Any, remark: Remark) -> tuple[str, ...]:
    """Label names, each once whatever its case, cut to what a label takes."""
    given = values if isinstance(values, list) else []  # pyright: ignore[reportUnknownVariableType]
    names: dict[str, str] = {}
    for one in given:  # pyright: ignore[reportUnknownVariableType]
        if name := " ".join(text_of(one).split())[:100].strip():
            names.setdefault(name.casefold(), name)
    if len(names) > MAX_LABELS:
        remark("labels_cut", f"It has more than {MAX_LABELS} labels; the rest was left out.")
    return tuple(list(names.values())[:MAX_LABELS])


def custom_of(name: str, rest: Mapping[str, Any], remark: Remark) -> dict[str, Any]:
    """All that has no field of its own here, under the format's name."""
    kept = clean(dict(rest))
    if not kept:
        return {}
    try:
        size = len(msgspec.json.encode(kept))
    except (ValueError, OverflowError, RecursionError):
        size = MAX_CUSTOM + 1
    if size > MAX_CUSTOM:
        remark(
            "fields_left_out", "Its further fields are too large; they are in the original only."
        )
        return {}
    return {name: kept}


def clean(value: Any) -> Any:
    """A JSON value that both databases can store."""
    match value:
        case str():
            return storable(value)
        case list():
            return [clean(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
        case dict():
            return {storable(str(name)): clean(one) for name, one in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case _:
            return value


def moment_of(value: Any) -> datetime | None:
    """An RFC 3339 moment, in UTC where it names no offset; None for everything else."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        return in_utc(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except ValueError:
        return None


def day_of(value: Any) -> date | None:
    """The day of a date or of a moment in UTC; None for everything else."""
    moment = moment_of(value)
    return moment.date() if moment else None
