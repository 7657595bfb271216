"""Budgets over HTTP."""

from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, put
from litestar.di import Provide
from litestar.status_codes import HTTP_200_OK

from nexus.features.budgets.domain import BudgetId
from nexus.features.budgets.dto import BudgetIn, BudgetOut, BudgetPage
from nexus.features.budgets.service import BudgetService
from nexus.features.budgets.wiring import budget_service
from nexus.platform.actor import Actor
from nexus.platform.http.answers import (
    CursorParameter,
    IfMatch,
    Limit,
    expected_version,
    paged,
    versioned,
)
from nexus.platform.http.guards import may


class BudgetController(Controller):
    path = "/budgets"
    tags = ["Budgets"]
    dependencies = {"budgets": Provide(budget_service, sync_to_thread=False)}

    @get(
        guards=[may("budgets:read")],
        operation_id="listBudgets",
        summary="List budgets with what is spent and set aside",
    )
    async def list_budgets(
        self,
        request: Request[Any, Any, Any],
        budgets: BudgetService,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[BudgetPage]:
        page, running = await budgets.list_budgets(cursor, limit)
        items = [BudgetOut.of(one, running) for one in page.items]
        return paged(request, BudgetPage(items=items, next_cursor=page.next_cursor))

    @put(
        status_code=HTTP_200_OK,
        guards=[may("budgets:write")],
        operation_id="setBudget",
        summary="Limit what agents may use, in all, of a project, an agent or a task",
    )
    async def set_budget(
        self, data: BudgetIn, budgets: BudgetService, actor: Actor, if_match: IfMatch = None
    ) -> Response[BudgetOut]:
        envelope = await budgets.set(
            project=data.project,
            agent=data.agent,
            task=data.task,
            tokens=data.tokens,
            cost_micros=data.cost_micros,
            version=expected_version(if_match),
            by=actor,
        )
        return versioned(BudgetOut.of(envelope, await budgets.running()))

    @delete(
        "/{budget_id:uuid}",
        guards=[may("budgets:write")],
        operation_id="removeBudget",
        summary="Do without a budget",
    )
    async def remove(self, budget_id: UUID, budgets: BudgetService, actor: Actor) -> None:
        await budgets.remove(BudgetId(budget_id), by=actor)
