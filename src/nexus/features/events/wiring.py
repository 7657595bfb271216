"""How the service of events is put together."""

from nexus.features.events.repository import EventRepository
from nexus.features.events.service import EventService
from nexus.features.tasks.wiring import task_service
from nexus.platform.database import Transaction


def event_service(tx: Transaction) -> EventService:
    return EventService(EventRepository(tx), task_service(tx))
