"""Spreadsheets saved as CSV, one task a row: pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from typing_extensions import Buffer

from nexus.features.imports.domain import ParsedList, ParsedTask
from nexus.features.imports.errors import FileNotUnderstood
from nexus.features.imports.lineage import UniqueIds, depths_of, open_circles
from nexus.features.imports.shaping import (
    Notes,
    Remark,
    acceptance_of,
    custom_of,
    labels_of,
    long_text,
    storable,
    title_of,
)
from nexus.features.imports.spreadsheet_mapping import CsvMapping, Field, columns_of, recognised
from nexus.features.imports.spreadsheet_rows import NOT_UTF_8, Row, delimiter_of, rows_of
from nexus.features.imports.spreadsheet_values import Values, complexity_in, links_in
from nexus.features.tasks.domain import TaskStatus


class CsvFile:
    """Raises FileNotUnderstood or MappingNotUnderstood, with a sentence that says why.

    It keeps ids and where rows begin, never the rows.
    """

    format = "csv"
    is_partial = False

    def __init__(self, data: Buffer, mapping: CsvMapping) -> None:
        self._data = memoryview(data)
        self.delimiter = mapping.delimiter or delimiter_of(self._data)
        rows = rows_of(self._data, self.delimiter)
        header = next(rows, None)
        if header is None:
            raise FileNotUnderstood(why="it is empty.")
        if any("\x00" in cell for cell in header.cells):
            raise FileNotUnderstood(why=NOT_UTF_8)  # UTF-16 without a mark that says so
        self._columns = columns_of(header.cells, mapping)
        self._values = Values(mapping)
        self._starts: dict[str, int] = {}
        self._other_ids: dict[str, str] = {}
        self._finished: set[str] = set()
        parents = self._survey(rows)
        self._orphaned = open_circles(parents, self._starts)
        depths = depths_of(parents)
        self._order = sorted(self._starts, key=lambda own_id: depths.get(own_id, 0))
        self.lists = [ParsedList(name="csv", is_default=True)]

    @property
    def ids(self) -> Collection[str]:
        return self._starts.keys()

    @property
    def header(self) -> Sequence[str]:
        return self._columns.header

    @property
    def places(self) -> Mapping[Field, Sequence[int]]:
        """In which columns each field stands."""
        return self._columns.places

    @property
    def custom(self) -> Sequence[int]:
        """The columns that have no field here."""
        return self._columns.custom

    def rows(self) -> Iterator[tuple[str, int, Row]]:
        """Each row behind its id and where it begins, in the order of the file."""
        for own_id, start in self._starts.items():
            yield own_id, start, next(rows_of(self._data[start:], self.delimiter))

    def leads_to(self, text: str) -> str | None:
        """The row that a dependency means."""
        return self._meant(text)

    def dependencies(self, cells: list[str]) -> list[str]:
        """What stands in a row's cells for dependencies, one by one."""
        return self._values.parted(self._columns.every("depends_on", cells))

    def records(self) -> Iterator[ParsedTask]:
        """Rows by how deep they lie, each depth in the order of the file."""
        for own_id in self._order:
            yield self._task(own_id)

    def _survey(self, rows: Iterator[Row]) -> dict[str, str]:
        """Find what each row is called, and which are finished; returns what each is part of."""
        unique = UniqueIds()
        wanted: dict[str, str] = {}
        for row in rows:
            cells = self._fitted(row)
            names = self._names(cells)
            own_id = unique(names[0] if names else f"?{row.number}")
            self._starts[own_id] = row.start
            for name in names[1:]:
                self._other_ids.setdefault(name, own_id)
            if parent := self._columns.first("parent", cells):
                wanted[own_id] = parent
            if self._values.status(self._columns.first("status", cells), Notes()).is_finished:
                self._finished.add(own_id)
        if not self._starts:
            raise FileNotUnderstood(why="it has a header and no rows.")
        found = {own_id: self._meant(parent) for own_id, parent in wanted.items()}
        return {own_id: parent for own_id, parent in found.items() if parent and parent != own_id}

    def _task(self, own_id: str) -> ParsedTask:
        row = next(rows_of(self._data[self._starts[own_id] :], self.delimiter))
        cells, columns, values = self._fitted(row), self._columns, self._values
        remark = Notes()
        self._check(row, cells, own_id, remark)
        status_word, priority_word = (
            columns.first("status", cells),
            columns.first("priority", cells),
        )
        status = values.status(status_word, remark)
        depends_on = self._dependencies(cells, own_id, remark)
        if values.is_blocked(status_word) and set(depends_on) - self._finished:
            status = TaskStatus.TODO
        due_at = values.moment(columns.first("due_on", cells), "due date", remark)
        return ParsedTask(
            list=self.lists[0].name,
            id=own_id,
            parent=self._parent(cells, own_id, remark),
            title=title_of(columns.first("title", cells), own_id, remark),
            status=status,
            priority=values.priority(priority_word, remark),
            description=long_text(columns.first("description", cells), "description", remark),
            details=long_text(columns.first("details", cells), "details", remark),
            test_strategy=long_text(columns.first("test_strategy", cells), "test strategy", remark),
            acceptance=acceptance_of(columns.first("acceptance", cells), remark),
            labels=labels_of(values.parted(columns.every("labels", cells)), remark),
            complexity=complexity_in(columns.first("complexity", cells), remark),
            due_on=due_at.date() if due_at else None,
            depends_on=depends_on,
            links=links_in(columns.every("url", cells), remark),
            custom=custom_of("csv", columns.further(cells), remark),
            created_at=values.moment(columns.first("created_at", cells), "creation", remark),
            updated_at=values.moment(columns.first("updated_at", cells), "change", remark),
            given=_given(status=status_word, priority=priority_word),
            notes=remark.all(),
            original=self._original(row, cells),
        )

    def _fitted(self, row: Row) -> list[str]:
        """As many cells as there are columns."""
        width = len(self._columns.header)
        return [*row.cells[:width], *[""] * (width - len(row.cells))]

    def _names(self, cells: list[str]) -> list[str]:
        return [name for cell in self._columns.every("id", cells) if (name := _id(cell))]

    def _meant(self, text: str) -> str | None:
        """The row that goes by this id, or has it in another column for ids."""
        name = _id(text)
        return name if name in self._starts else self._other_ids.get(name)

    def _check(self, row: Row, cells: list[str], own_id: str, remark: Remark) -> None:
        if any(cell.strip() for cell in row.cells[len(cells) :]):
            remark("too_many_cells", "It has more cells than columns; they are in the original.")
        wanted = next(iter(self._names(cells)), own_id)
        if wanted != own_id:
            message = f"The id {wanted} stands there more than once; this is {own_id}."
            remark("duplicate_id", message)

    def _parent(self, cells: list[str], own_id: str, remark: Remark) -> str | None:
        wanted = self._columns.first("parent", cells)
        parent = self._meant(wanted)
        if wanted and parent is None:
            remark("dangling_parent", f"Its parent {wanted[:100]!r} is not in the file.")
        if parent == own_id or own_id in self._orphaned:
            remark("parent_cycle", f"It is part of {parent} and that is part of it.")
            return None
        return parent

    def _dependencies(self, cells: list[str], own_id: str, remark: Remark) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for wanted in self._values.parted(self._columns.every("depends_on", cells)):
            target = self._meant(wanted)
            if target is None:
                message = f"Its dependency {wanted[:100]!r} is not in the file."
                remark("dangling_dependency", message)
            elif target == own_id:
                remark("self_dependency", "It depends on itself; this was left out.")
            else:
                found[target] = None
        return tuple(found)

    def _original(self, row: Row, cells: list[str]) -> str:
        """The row as an object; what stands beyond the last column has no name in it."""
        named: dict[str, Any] = self._columns.by_name(range(len(cells)), cells)
        beyond = row.cells[len(cells) :]
        return msgspec.json.encode(named | ({"": beyond} if any(beyond) else {})).decode()


def is_csv(data: Buffer, file_name: str) -> bool:
    """Whether it is called one, or its first row has several columns and one is for titles."""
    if file_name.lower().endswith((".csv", ".tsv")):
        return True
    view = memoryview(data)
    if bytes(view[:4096]).lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        return False
    try:
        header = next(rows_of(view, delimiter_of(view)), None)
    except FileNotUnderstood:
        return False
    return header is not None and len(header.cells) > 1 and "title" in recognised(header.cells)


def _id(cell: str) -> str:
    return storable(cell).strip()[:100]


def _given(**words: str) -> dict[str, str]:
    tidied = {name: " ".join(storable(word).split())[:100] for name, word in words.items()}
    return {name: word for name, word in tidied.items() if word}
