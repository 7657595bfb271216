"""How the services of runs are put together."""

from nexus.features.agents.wiring import agent_service
from nexus.features.budgets.wiring import budget_service
from nexus.features.projects.wiring import project_service
from nexus.features.repositories.wiring import repository_service
from nexus.features.runs.dispatching import DispatchService
from nexus.features.runs.limiting import LimitService
from nexus.features.runs.repository import RunRepository
from nexus.features.runs.reviewing import ReviewService
from nexus.features.runs.service import RunService
from nexus.features.tasks.wiring import assignment_service, candidate_service, hold_service
from nexus.platform.database import Transaction


def dispatch_service(tx: Transaction) -> DispatchService:
    return DispatchService(
        hold_service(tx),
        candidate_service(tx),
        assignment_service(tx),
        agent_service(tx),
        budget_service(tx),
    )


def run_service(tx: Transaction) -> RunService:
    return RunService(
        RunRepository(tx), assignment_service(tx), agent_service(tx), budget_service(tx), tx.events
    )


def review_service(tx: Transaction) -> ReviewService:
    return ReviewService(
        RunRepository(tx), assignment_service(tx), agent_service(tx), project_service(tx), tx.events
    )


def limit_service(tx: Transaction) -> LimitService:
    return LimitService(
        candidate_service(tx), project_service(tx), repository_service(tx), tx.events
    )
