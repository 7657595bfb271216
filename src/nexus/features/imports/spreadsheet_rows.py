"""The rows of a spreadsheet that was saved as CSV, each with where it begins: pure."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from nexus.features.imports.buffers import BufferStream
from nexus.features.imports.errors import FileNotUnderstood

MAX_ROW = 16_000_000
DELIMITERS = (",", ";", "\t", "|")
NOT_UTF_8 = "it is not UTF-8 text. Save it as CSV in UTF-8."

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, kw_only=True)
class Row:
    """`number` counts from 1, as spreadsheets do; `start` and `end` in bytes."""

    start: int
    end: int
    number: int
    cells: Sequence[str]


def rows_of(data: memoryview, delimiter: str) -> Iterator[Row]:
    """All rows that are not empty. Raises FileNotUnderstood where one cannot be read."""
    stream = io.BufferedReader(BufferStream(data))
    start = end = line_number = 0

    def lines() -> Iterator[str]:
        nonlocal end, line_number
        while line := stream.readline(MAX_ROW + 1):
            end += len(line)
            line_number += 1
            if end - start > MAX_ROW:
                why = f"line {line_number} belongs to a row of more than 16 MB. "
                raise FileNotUnderstood(why=why + "Look for a quote that is not closed.")
            yield line.removeprefix(_BOM).decode()

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    try:
        for number, cells in enumerate(reader, start=1):
            if any(cell.strip() for cell in cells):
                yield Row(start=start, end=end, number=number, cells=cells)
            start = end
    except UnicodeDecodeError as error:
        raise FileNotUnderstood(why=NOT_UTF_8) from error
    except csv.Error as error:
        what = str(error).partition(" - ")[0]
        why = f"line {line_number} cannot be read: {what}. Look for a quote that is not closed."
        raise FileNotUnderstood(why=why) from error


def delimiter_of(data: memoryview) -> str:
    """The one that parts the first row most."""
    return max(DELIMITERS, key=lambda delimiter: _width(data, delimiter))


def _width(data: memoryview, delimiter: str) -> int:
    try:
        return max((len(row.cells) for row in islice(rows_of(data, delimiter), 1)), default=0)
    except FileNotUnderstood:
        return 0
