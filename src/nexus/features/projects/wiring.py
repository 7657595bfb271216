"""How the services of projects are put together."""

from nexus.features.projects.repository import (
    ProjectMemberRepository,
    ProjectRepository,
    ProjectRepositoryRepository,
)
from nexus.features.projects.service import (
    ProjectMemberService,
    ProjectRepositoryService,
    ProjectService,
)
from nexus.features.repositories.wiring import repository_service
from nexus.platform.database import Transaction


def project_service(tx: Transaction) -> ProjectService:
    return ProjectService(ProjectRepository(tx), ProjectMemberRepository(tx), tx.events)


def project_member_service(tx: Transaction) -> ProjectMemberService:
    return ProjectMemberService(ProjectRepository(tx), ProjectMemberRepository(tx), tx.events)


def project_repository_service(tx: Transaction) -> ProjectRepositoryService:
    return ProjectRepositoryService(
        ProjectRepository(tx), ProjectRepositoryRepository(tx), repository_service(tx), tx.events
    )
