"""How the service of repositories is put together."""

from nexus.features.repositories.repository import RepositoryRepository
from nexus.features.repositories.service import RepositoryService
from nexus.platform.database import Transaction


def repository_service(tx: Transaction) -> RepositoryService:
    return RepositoryService(RepositoryRepository(tx), tx.events)
