"""How the services of budgets are put together."""

from nexus.features.agents.wiring import agent_service
from nexus.features.budgets.repository import BudgetRepository
from nexus.features.budgets.service import BudgetService, Subjects
from nexus.features.projects.wiring import project_service
from nexus.features.tasks.wiring import hold_service
from nexus.platform.database import Transaction


def budget_service(tx: Transaction) -> BudgetService:
    holds = hold_service(tx)
    subjects = Subjects(project_service(tx), agent_service(tx), holds)
    return BudgetService(BudgetRepository(tx), subjects, holds, tx.events)
