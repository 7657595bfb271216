"""How the service of alerts is put together."""

from nexus.features.alerts.repository import AlertRepository
from nexus.features.alerts.service import AlertService
from nexus.platform.database import Transaction


def alert_service(tx: Transaction) -> AlertService:
    return AlertService(AlertRepository(tx), tx)
