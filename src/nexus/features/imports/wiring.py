"""How the services of imports are put together."""

from nexus.features.comments.wiring import comment_service
from nexus.features.imports.arriving import RecordWriter
from nexus.features.imports.connecting import ColumnSettler, EdgeWriter
from nexus.features.imports.exporting import ExportService
from nexus.features.imports.repository import ImportRepository
from nexus.features.imports.service import ImportService
from nexus.features.imports.sources import SourceRepository
from nexus.features.projects.wiring import project_service
from nexus.features.tasks.wiring import (
    graph_intake,
    task_departures,
    task_intake,
    task_service,
)
from nexus.platform.database import Transaction


def import_service(tx: Transaction) -> ImportService:
    return ImportService(ImportRepository(tx), SourceRepository(tx), project_service(tx), tx)


def export_service(tx: Transaction) -> ExportService:
    return ExportService(
        ImportRepository(tx),
        SourceRepository(tx),
        project_service(tx),
        task_departures(tx),
        comment_service(tx),
    )


def record_writer(tx: Transaction) -> RecordWriter:
    return RecordWriter(
        ImportRepository(tx),
        SourceRepository(tx),
        task_service(tx),
        task_intake(tx),
        comment_service(tx),
    )


def edge_writer(tx: Transaction) -> EdgeWriter:
    return EdgeWriter(
        ImportRepository(tx),
        SourceRepository(tx),
        task_intake(tx),
        graph_intake(tx),
        task_service(tx),
    )


def column_settler(tx: Transaction) -> ColumnSettler:
    return ColumnSettler(SourceRepository(tx), graph_intake(tx))
