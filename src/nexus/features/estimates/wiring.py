"""How the service of estimates is put together."""

from nexus.features.estimates.repository import ModelRepository
from nexus.features.estimates.service import EstimateService
from nexus.platform.database import Transaction


def estimate_service(tx: Transaction) -> EstimateService:
    return EstimateService(ModelRepository(tx), tx.events)
