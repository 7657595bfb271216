"""How the service of custom fields is put together."""

from nexus.features.fields.repository import FieldRepository
from nexus.features.fields.service import FieldService
from nexus.features.projects.wiring import project_service
from nexus.platform.database import Transaction


def field_service(tx: Transaction) -> FieldService:
    return FieldService(FieldRepository(tx), project_service(tx), tx.events)
