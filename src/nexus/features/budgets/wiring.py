"""How the services of budgets are put together."""

from nexus.features.agents.wiring import agent_service
from nexus.features.budgets.repository import BudgetRepository
from nexus.features.budgets.service import BudgetService, Subjects
from nexus.features.projects.wiring import project_service
from nexus.features.tasks.wiring import candidate_service, hold_service
from nexus.platform.database import Transaction


def budget_service(tx: Transaction) -> BudgetService:
    subjects = Subjects(project_service(tx), agent_service(tx), hold_service(tx))
    return BudgetService(BudgetRepository(tx), subjects, candidate_service(tx), tx.events)
