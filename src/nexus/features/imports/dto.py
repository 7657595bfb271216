"""Imports on the wire."""

import builtins
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from nexus.features.imports.domain import (
    Import,
    ImportPhase,
    ImportRecord,
    ImportReport,
    ImportState,
    ListReport,
    Note,
    Outcome,
)


class NoteOut(Struct, frozen=True):
    code: str
    message: str

    @classmethod
    def of(cls, note: Note) -> "NoteOut":
        return cls(code=note.code, message=note.message)


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
    """How many records came to what, how many notes there are of each code, and how many records
    had a value that has another word here (`status: pending -> todo`)."""

    lists: list[ListReportOut]
    created: int
    updated: int
    unchanged: int
    set_aside: int
    notes: dict[str, int]
    mapped: dict[str, int]

    @classmethod
    def of(cls, report: ImportReport) -> "ImportReportOut":
        return cls(
            lists=[ListReportOut.of(one) for one in report.lists],
            created=report.created,
            updated=report.updated,
            unchanged=report.unchanged,
            set_aside=report.set_aside,
            notes=report.notes,
            mapped=report.mapped,
        )


class ImportOut(Struct, frozen=True):
    """`position` of `records` are done in this `phase`; `error` is there when `state` is failed.

    Of a dry run, the report says what would have happened.
    """

    id: UUID
    state: ImportState
    phase: ImportPhase
    position: int
    records: int
    is_dry_run: bool
    source: str
    file_name: str
    format: str
    project: str | None
    report: ImportReportOut
    error: str | None
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, one: Import) -> "ImportOut":
        return cls(
            id=one.id,
            state=one.state,
            phase=one.phase,
            position=one.position,
            records=one.records,
            is_dry_run=one.is_dry_run,
            source=one.source,
            file_name=one.file_name,
            format=one.format,
            project=one.project,
            report=ImportReportOut.of(one.report),
            error=one.error,
            created_at=one.created_at,
            finished_at=one.finished_at,
        )


class ImportPage(Struct, frozen=True):
    items: list[ImportOut]
    next_cursor: str | None


class ImportRecordOut(Struct, frozen=True):
    """What became of one record. `original` is its text in the file, where it became no task."""

    position: int
    list: str
    external_id: str
    outcome: Outcome
    task_id: UUID | None
    key: str | None
    notes: builtins.list[NoteOut]
    original: str | None

    @classmethod
    def of(cls, one: ImportRecord) -> "ImportRecordOut":
        return cls(
            position=one.position,
            list=one.list,
            external_id=one.external_id,
            outcome=one.outcome,
            task_id=one.task_id,
            key=one.key,
            notes=[NoteOut.of(note) for note in one.notes],
            original=one.original,
        )


class ImportRecordPage(Struct, frozen=True):
    items: list[ImportRecordOut]
    next_cursor: str | None
