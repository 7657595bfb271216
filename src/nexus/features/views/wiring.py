"""How the service of saved views is put together."""

from nexus.features.views.repository import ViewRepository
from nexus.features.views.service import ViewService
from nexus.platform.database import Transaction


def view_service(tx: Transaction) -> ViewService:
    return ViewService(ViewRepository(tx), tx.events)
