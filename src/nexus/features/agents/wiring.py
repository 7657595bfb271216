"""How the services of agents are put together."""

from nexus.features.agents.repository import AgentRepository
from nexus.features.agents.service import AgentRules, AgentService
from nexus.features.projects.wiring import project_service
from nexus.features.repositories.wiring import repository_service
from nexus.features.tasks.wiring import hold_service
from nexus.platform.database import Transaction


def agent_service(tx: Transaction) -> AgentService:
    rules = AgentRules(project_service(tx), repository_service(tx))
    return AgentService(AgentRepository(tx), rules, hold_service(tx), tx.events)
