"""Which columns of a spreadsheet hold what: by a mapping, or by their names: pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal, get_args

import msgspec

from nexus.features.imports.errors import FileNotUnderstood, MappingNotUnderstood
from nexus.features.imports.shaping import storable
from nexus.features.tasks.domain import TaskStatus

Field = Literal[
    "title", "id", "status", "priority", "description", "details", "test_strategy", "acceptance",
    "labels", "complexity", "due_on", "parent", "depends_on", "created_at", "updated_at", "url",
]  # fmt: skip
PriorityWord = Literal["critical", "high", "medium", "low", "none"]

_KNOWN_AS: Mapping[Field, Sequence[str]] = {
    "title": ("title", "summary", "name", "task name", "card name"),
    "id": ("issue key", "key", "identifier", "id", "issue id", "task id", "card id"),
    "status": ("status", "state"),
    "priority": ("priority",),
    "description": ("description", "body", "notes", "card description"),
    "details": ("details",),
    "test_strategy": ("test strategy",),
    "acceptance": ("acceptance criteria", "acceptance"),
    "labels": ("labels", "tags"),
    "complexity": ("complexity",),
    "due_on": ("due date", "due", "due on"),
    "parent": ("parent key", "parent", "parent id", "parent issue"),
    "depends_on": ("blocked by", "depends on", "dependencies", "inward issue link (blocks)"),
    "created_at": ("created at", "created"),
    "updated_at": ("updated at", "updated", "last modified"),
    "url": ("url", "link", "card url"),
}
"""What exports of Jira, Linear, GitHub, Trello and Asana call their columns, best name first."""


class CsvMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How to read a spreadsheet. `separator` parts the values of one cell.

    Without `columns` they are known by their names; without `custom` all others are kept there.
    """

    columns: dict[Field, str] = {}
    statuses: dict[str, TaskStatus] = {}
    priorities: dict[str, PriorityWord] = {}
    delimiter: Annotated[str, msgspec.Meta(pattern='^[^"\\r\\n\\x00]$')] | None = None
    separator: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    date_format: str | None = None
    custom: list[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Where the fields stand in a row. A field can stand in several columns of one name."""

    header: Sequence[str]
    places: Mapping[Field, Sequence[int]]
    custom: Sequence[int]

    def every(self, field: Field, row: Sequence[str]) -> list[str]:
        """The cells of a field that are not empty."""
        return [row[place] for place in self.places.get(field, ()) if row[place].strip()]

    def first(self, field: Field, row: Sequence[str]) -> str:
        return next(iter(self.every(field, row)), "")

    def further(self, row: Sequence[str]) -> dict[str, str | list[str]]:
        return self.by_name([place for place in self.custom if row[place].strip()], row)

    def by_name(self, places: Sequence[int], row: Sequence[str]) -> dict[str, str | list[str]]:
        """The cells at these places; of columns with one name a list."""
        cells: dict[str, list[str]] = {}
        for place in places:
            cells.setdefault(self.header[place], []).append(row[place])
        return {name: each if len(each) > 1 else each[0] for name, each in cells.items()}


def read_mapping(text: str) -> CsvMapping:
    """From JSON. Raises MappingNotUnderstood."""
    try:
        mapping = msgspec.json.decode(text, type=CsvMapping)
    except (msgspec.DecodeError, UnicodeError) as error:
        parts = ", ".join(CsvMapping.__struct_fields__)
        fields = ", ".join(get_args(Field))
        why = f"{error}. It is an object of {parts}; the columns are those of {fields}."
        raise MappingNotUnderstood(why=why) from error
    if mapping.date_format is not None and not _is_date_format(mapping.date_format):
        why = f"'{mapping.date_format}' is no date_format; one is '%d.%m.%Y'."
        raise MappingNotUnderstood(why=why)
    return mapping


def columns_of(cells: Sequence[str], mapping: CsvMapping) -> Columns:
    """Raises MappingNotUnderstood for a column that is not there, FileNotUnderstood without titles.

    A column without a name is called by its number.
    """
    header = [storable(cell).strip() or f"Column {n}" for n, cell in enumerate(cells, start=1)]
    places: Mapping[Field, Sequence[int]] = recognised(header)
    if mapping.columns:
        places = {field: _named(name, header) for field, name in mapping.columns.items()}
    if "title" not in places:
        why = f"it has no column for titles, only {_listed(header)}. A mapping can name it."
        raise FileNotUnderstood(why=why)
    taken = {place for each in places.values() for place in each}
    if mapping.custom is None:
        custom = [place for place in range(len(header)) if place not in taken]
    else:
        custom = [place for name in mapping.custom for place in _named(name, header)]
    return Columns(header=header, places=places, custom=custom)


def recognised(header: Sequence[str]) -> dict[Field, Sequence[int]]:
    """The places of the columns whose names are known. Of ids all: one may stand for another."""
    names = [_plain(name) for name in header]
    found: dict[Field, Sequence[int]] = {}
    for field, known in _KNOWN_AS.items():
        present = [name for name in known if name in names]
        wanted = present if field == "id" else present[:1]
        if wanted:
            found[field] = [n for one in wanted for n, name in enumerate(names) if name == one]
    return found


def _named(name: str, header: Sequence[str]) -> list[int]:
    places = [n for n, one in enumerate(header) if _plain(one) == _plain(name)]
    if not places:
        why = f"there is no column '{name}'. The columns are {_listed(header)}."
        raise MappingNotUnderstood(why=why)
    return places


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())


def _listed(header: Sequence[str]) -> str:
    return ", ".join(f"'{name[:60]}'" for name in dict.fromkeys(header[:100]))


def _is_date_format(text: str) -> bool:
    """Whether a date that is written in it can be read again."""
    day = datetime(2026, 12, 31, tzinfo=UTC)
    try:
        return datetime.strptime(day.strftime(text), text).date() == day.date()  # noqa: DTZ007
    except (ValueError, re.error):
        return False
