"""Writing a spreadsheet as CSV: pure.

The rows of a file that came in keep their order, their columns and what nobody changed.
"""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import IO, Any

from typing_extensions import Buffer

from nexus.features.imports.lineage import UniqueIds
from nexus.features.imports.outgoing import Departure, Outgoing, Said
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

    def is_in_place(self, own_id: str, parent: str | None) -> bool:  # noqa: ARG002 - an id says nothing
        return True

    def has_said(self, original: str, comment: Said) -> bool:  # noqa: ARG002 - as in FileWriter
        """Spreadsheets have no comments: there is nothing to bring up to date."""
        return True

    def write(self, departure: Departure, into: IO[bytes]) -> None:
        if departure.is_as_it_came:
            into.write(self._data)
            return
        text = io.TextIOWrapper(into, encoding="utf-8", newline="", write_through=True)
        fresh = departure.fresh.get(self.only_list, [])
        if self._file is None:
            rows = csv.writer(text)
            rows.writerow(name.replace("_", " ") for name in COLUMNS)
            rows.writerows([self._cell(name, one) for name in COLUMNS] for one in fresh)
        else:
            self._follow(self._file, departure, fresh, text)
        text.detach()

    def _follow(
        self, file: CsvFile, departure: Departure, fresh: Sequence[Outgoing], text: io.TextIOBase
    ) -> None:
        rows = csv.writer(text, delimiter=file.delimiter)
        rows.writerow(file.header)
        gone = {own_id for _, own_id in departure.gone}
        for own_id, cells in file.rows():
            changed = departure.changed.get((self.only_list, own_id))
            if changed:
                self._fill(cells, file, changed)
            if own_id not in gone:
                rows.writerow(cells)
        for outgoing in fresh:
            cells = [""] * len(file.header)
            self._fill(cells, file, outgoing)
            rows.writerow(cells)

    def _fill(self, cells: list[str], file: CsvFile, outgoing: Outgoing) -> None:
        """Into the first column of each field; further ones of the same name are emptied."""
        is_new = outgoing.original is None or outgoing.name[1] not in file.ids
        for name, places in file.places.items():
            what = _CHANGED_WITH.get(name, name)
            if not is_new and what and what not in outgoing.changed:
                continue
            if name == "id" and not is_new:
                continue
            for place in places:
                cells[place] = ""
            cells[places[0]] = self._cell(name, outgoing)
        if "custom" in outgoing.changed:
            custom: dict[str, Any] = outgoing.task.custom.get("csv") or {}
            for place in file.custom:
                value = custom.get(file.header[place], "")
                cells[place] = value if isinstance(value, str) else cells[place]

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
            "complexity": task.complexity,
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
        return (self._mapping.separator or ", ").join(values)

    def _moment(self, at: Any) -> str | None:
        if at is None:
            return None
        if self._mapping.date_format:
            return at.strftime(self._mapping.date_format)
        return at.astimezone(UTC).isoformat() if isinstance(at, datetime) else at.isoformat()
