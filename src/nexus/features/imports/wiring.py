"""How the service of imports is put together."""

from nexus.features.imports.repository import ImportRepository
from nexus.features.imports.service import ImportService
from nexus.features.projects.wiring import project_service
from nexus.features.tasks.wiring import task_intake
from nexus.platform.database import Transaction


def import_service(tx: Transaction) -> ImportService:
    return ImportService(ImportRepository(tx), project_service(tx), task_intake(tx), tx.events)
