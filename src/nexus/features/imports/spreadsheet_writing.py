"""Writing a spreadsheet as CSV: pure.

The rows of a file that came in keep their order, their columns and what nobody changed.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import IO, Any

from typing_extensions import Buffer

from nexus.features.imports.lineage import UniqueIds
from nexus.features.imports.outgoing import Departure, Name, Outgoing, Said
from nexus.features.imports.spreadsheet import CsvFile
from nexus.features.imports.spreadsheet_mapping import CsvMapping, Field
from nexus.features.tasks.domain import TaskSummary

COLUMNS: Sequence[Field] = (
    "id", "title", "status", "priority", "parent", "depends_on", "labels", "complexity", "due_on",
    "description", "details", "test_strategy", "acceptance", "url", "created_at", "updated_at",
)  # fmt: skip
_CHANGED_WITH: dict[Field, str] = {"url": "relations", "updated_at": "", "created_at": "never"}


class CsvWriter:
    only_list = "csv"
    is_nesting = True

    def __init__(self, data: Buffer, mapping: CsvMapping) -> None:
        self._data = memoryview(data)
        self._mapping = mapping
        self._file = CsvFile(data, mapping) if len(self._data) else None
        self._unique = UniqueIds(self._file.ids if self._file else ())

    def name(self, list_name: str, task: TaskSummary, parent: str | None) -> str:  # noqa: ARG002 - as in FileWriter
        return self._unique(task.key)

    def holds(self, name: Name) -> bool:
        return self._file is not None and name[1] in self._file.ids

    def is_in_place(self, name: Name, parent: str | None) -> bool:  # noqa: ARG002 - an id says nothing
        return True

    def has_said(self, name: Name, comment: Said) -> bool:  # noqa: ARG002 - as in FileWriter
        """Spreadsheets have no comments: there is nothing to bring up to date."""
        return True

    def write(self, departure: Departure, into: IO[bytes]) -> None:
        fresh = departure.fresh.get(self.only_list, [])
        if departure.is_as_it_came:
            into.write(self._data)
        elif self._file is None:
            names = [name.replace("_", " ") for name in COLUMNS]
            rows = [names, *([self._cell(name, one) for name in COLUMNS] for one in fresh)]
            into.write(b"".join(_line(row, ",", "\r\n") for row in rows))
        else:
            self._follow(self._file, departure, fresh, into)

    def _follow(
        self, file: CsvFile, departure: Departure, fresh: Sequence[Outgoing], into: IO[bytes]
    ) -> None:
        """The file as it stands, but for the rows that were changed and those that are new."""
        text = bytes(self._data)
        ending = "\r\n" if text.partition(b"\n")[0].endswith(b"\r") else "\n"
        gone = {own_id for _, own_id in departure.gone}
        at = 0
        for own_id, start, row in file.rows():
            end = start + row.end
            changed = departure.changed.get((self.only_list, own_id))
            into.write(text[at:start])
            if changed:
                cells = [*row.cells, *[""] * (len(file.header) - len(row.cells))]
                self._fill(cells, file, changed, is_new=False)
                into.write(_line(cells, file.delimiter, ending))
            elif own_id not in gone:
                into.write(text[start:end])
            at = end
        into.write(text[at:])
        if fresh and not text.endswith(b"\n"):
            into.write(ending.encode())
        for outgoing in fresh:
            cells = [""] * len(file.header)
            self._fill(cells, file, outgoing, is_new=True)
            into.write(_line(cells, file.delimiter, ending))

    def _fill(self, cells: list[str], file: CsvFile, outgoing: Outgoing, *, is_new: bool) -> None:
        """Into the first column of each field; further ones of the same name are emptied."""
        dependencies = file.dependencies(cells)
        for name, places in file.places.items():
            what = _CHANGED_WITH.get(name, name)
            if not is_new and ((what and what not in outgoing.changed) or name == "id"):
                continue
            for place in places:
                cells[place] = ""
            cells[places[0]] = self._cell(name, outgoing)
            if name == "depends_on":
                cells[places[0]] = self._dependencies(dependencies, file, outgoing)
        if "custom" in outgoing.changed:
            _fill_custom(cells, file, outgoing.task.custom.get("csv") or {})

    def _dependencies(self, stated: Sequence[str], file: CsvFile, outgoing: Outgoing) -> str:
        """Those that hold or never came in, as they stand there, and then the new ones."""
        leads = {one: file.leads_to(one) for one in stated}
        held = {*outgoing.depends_on, *outgoing.left_out, None}
        kept = [one for one, target in leads.items() if target in held]
        met = set(leads.values())
        return self._joined([*kept, *(one for one in outgoing.depends_on if one not in met)])

    def _cell(self, name: Field, outgoing: Outgoing) -> str:
        task = outgoing.task
        values: dict[Field, Any] = {
            "id": outgoing.name[1],
            "title": task.title,
            "status": self._status(outgoing),
            "priority": self._priority(outgoing),
            "parent": outgoing.parent,
            "depends_on": self._joined(outgoing.depends_on),
            "labels": self._joined(task.labels),
            "complexity": task.complexity_said,
            "due_on": self._moment(task.due_on),
            "description": task.description,
            "details": task.details,
            "test_strategy": task.test_strategy,
            "acceptance": "\n".join(item.text for item in task.acceptance),
            "url": next((one.url for one in outgoing.relations if one.url), None),
            "created_at": self._moment(task.created_at),
            "updated_at": self._moment(task.updated_at),
        }
        return "" if values[name] is None else str(values[name])

    def _status(self, outgoing: Outgoing) -> str:
        status = outgoing.task.status
        return next((w for w, one in self._mapping.statuses.items() if one is status), status.value)

    def _priority(self, outgoing: Outgoing) -> str:
        word = outgoing.task.priority.word
        return next((w for w, one in self._mapping.priorities.items() if one == word), word)

    def _joined(self, values: Sequence[str]) -> str:
        separator = self._mapping.separator or ", "
        marks = [self._mapping.separator] if self._mapping.separator else [",", ";", "\n"]
        return separator.join(_quoted(value, marks) for value in values)

    def _moment(self, at: Any) -> str | None:
        if at is None:
            return None
        if self._mapping.date_format:
            return at.strftime(self._mapping.date_format)
        return at.astimezone(UTC).isoformat() if isinstance(at, datetime) else at.isoformat()


def _fill_custom(cells: list[str], file: CsvFile, custom: Mapping[str, Any]) -> None:
    """Columns of one name have the values of a list, one each."""
    values = {
        name: list[Any](value) if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownArgumentType]
        for name, value in custom.items()
    }
    for place in file.custom:
        left = values.get(file.header[place], [])
        value = left.pop(0) if left else None
        cells[place] = "" if value is None else str(value)


def _line(cells: Iterable[str], delimiter: str, ending: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=ending).writerow(cells)
    return text.getvalue().encode()


def _quoted(value: str, marks: Iterable[str]) -> str:
    if value.startswith('"') or any(mark in value for mark in marks):
        return '"' + value.replace('"', '""') + '"'
    return value
