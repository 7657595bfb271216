"""Imports on the wire."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from nexus.features.imports.domain import Import, ImportReport, ImportState, ListReport, Note


class NoteOut(Struct, frozen=True):
    record: str
    code: str
    message: str

    @classmethod
    def of(cls, note: Note) -> "NoteOut":
        return cls(record=note.record, code=note.code, message=note.message)


class ListReportOut(Struct, frozen=True):
    name: str
    project: str
    tasks: int
    subtasks: int
    dependencies: int

    @classmethod
    def of(cls, one: ListReport) -> "ListReportOut":
        return cls(
            name=one.name,
            project=one.project,
            tasks=one.tasks,
            subtasks=one.subtasks,
            dependencies=one.dependencies,
        )


class ImportReportOut(Struct, frozen=True):
    """`already_here` were imported before and left alone; `notes` say what was changed."""

    format: str
    lists: list[ListReportOut]
    created: int
    already_here: int
    notes: list[NoteOut]
    notes_left_out: int

    @classmethod
    def of(cls, report: ImportReport) -> "ImportReportOut":
        return cls(
            format=report.format,
            lists=[ListReportOut.of(one) for one in report.lists],
            created=report.created,
            already_here=report.already_here,
            notes=[NoteOut.of(note) for note in report.notes],
            notes_left_out=report.notes_left_out,
        )


class ImportOut(Struct, frozen=True):
    """`report` is there when `state` is done, `error` when it is failed."""

    id: UUID
    state: ImportState
    source: str
    file_name: str
    format: str
    project: str | None
    report: ImportReportOut | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, one: Import) -> "ImportOut":
        return cls(
            id=one.id,
            state=one.state,
            source=one.source,
            file_name=one.file_name,
            format=one.format,
            project=one.project,
            report=ImportReportOut.of(one.report) if one.report else None,
            error=one.error,
            created_at=one.created_at,
            finished_at=one.finished_at,
        )


class ImportPage(Struct, frozen=True):
    items: list[ImportOut]
    next_cursor: str | None
