"""Telling what kind of backlog a file holds, and what writes one: pure."""

from typing_extensions import Buffer

from nexus.features.imports.beads import BeadsFile, is_beads
from nexus.features.imports.beads_writing import BeadsWriter
from nexus.features.imports.complexity import ComplexityReport, is_complexity_report
from nexus.features.imports.domain import Backlog
from nexus.features.imports.errors import FileNotUnderstood
from nexus.features.imports.packing import FileWriter
from nexus.features.imports.spreadsheet import CsvFile, is_csv
from nexus.features.imports.spreadsheet_mapping import read_mapping
from nexus.features.imports.spreadsheet_writing import CsvWriter
from nexus.features.imports.taskmaster import TaskMasterFile
from nexus.features.imports.taskmaster_writing import TaskMasterWriter


def understand(data: Buffer, *, file_name: str, mapping: str | None) -> Backlog:
    """The backlog in a file, which was read to its end. Raises FileNotUnderstood."""
    columns = read_mapping(mapping) if mapping else None
    if columns:
        return CsvFile(data, columns)
    if not bytes(memoryview(data)[:4096]).strip(b"\xef\xbb\xbf \t\r\n"):
        raise FileNotUnderstood(why="it is empty.")
    if is_beads(data):
        return BeadsFile(data)
    if is_complexity_report(data):
        return ComplexityReport(data, file_name)
    if is_csv(data, file_name):
        return CsvFile(data, read_mapping("{}"))
    return TaskMasterFile(data)


def writer_of(format_name: str, data: Buffer, mapping: str | None) -> FileWriter:
    """What writes a format, following the file that came in with this mapping, if there is one."""
    match format_name:
        case "taskmaster":
            return TaskMasterWriter(data)
        case "beads":
            return BeadsWriter(data)
        case _:
            return CsvWriter(data, read_mapping(mapping or "{}"))
