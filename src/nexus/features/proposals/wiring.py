"""How the service of proposals is put together."""

from nexus.features.projects.wiring import project_service
from nexus.features.proposals.repository import ProposalRepository
from nexus.features.proposals.service import ProposalService
from nexus.features.tasks.wiring import hold_service, task_splitter
from nexus.platform.database import Transaction


def proposal_service(tx: Transaction) -> ProposalService:
    return ProposalService(
        ProposalRepository(tx), hold_service(tx), task_splitter(tx), project_service(tx), tx
    )
