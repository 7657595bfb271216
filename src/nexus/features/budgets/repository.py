"""Budgets and spendings in and out of the database, always within one workspace."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Text, and_, case, delete, func, select, update

from nexus.features.budgets.domain import ALL_TIME, Account, Budget, BudgetId, Envelope, Scope
from nexus.features.budgets.errors import BudgetNotFound
from nexus.features.budgets.tables import BudgetRow, SpendingRow
from nexus.features.tasks.holds import Usage
from nexus.platform.actor import ActorId
from nexus.platform.database import Transaction
from nexus.platform.paging import Page, page_of, read_cursor
from nexus.platform.prepared import Prepared
from nexus.platform.sets import as_parameter
from nexus.platform.upsert import insert_missing, upsert
from nexus.platform.visibility import visible


class BudgetRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def get(self, budget_id: BudgetId, month: str) -> Envelope:
        query = self._envelopes(month).where(BudgetRow.id == budget_id)
        row = (await self._tx.execute(query)).first()
        if row is None:
            raise BudgetNotFound(id=budget_id)
        return _envelope(row, month)

    async def find(self, account: Account, month: str) -> Envelope | None:
        """The budget of an account, locked."""
        query = self._envelopes(month).where(BudgetRow.account == account.key)
        row = (await self._tx.execute(query.with_for_update(key_share=True, of=BudgetRow))).first()
        return _envelope(row, month) if row else None

    async def list_page(self, cursor: str | None, limit: int, month: str) -> Page[Envelope]:
        query = self._envelopes(month).order_by(BudgetRow.account).limit(limit + 1)
        if cursor:
            (last,) = read_cursor("budgets", cursor, tuple[str])
            query = query.where(BudgetRow.account > last)
        found = [_envelope(row, month) for row in await self._tx.execute(query)]
        return page_of(found, limit, "budgets", lambda one: (one.budget.account.key,))

    async def list_of(self, accounts: Collection[Account], month: str) -> Mapping[str, Envelope]:
        """The budgets of these accounts, whoever looks; accounts without one are not there."""
        keys = as_parameter({account.key for account in accounts}, self._tx)
        found = await _of_accounts(self._tx, month=month, accounts=keys)
        return {row.account: _envelope(row, month) for row in found}

    async def add(self, budget: Budget, *, by: ActorId, at: datetime) -> bool:
        """False where somebody else was quicker."""
        account = budget.account
        added = await self._tx.execute(
            insert_missing(self._tx, BudgetRow)
            .values(
                id=budget.id,
                workspace_id=self._tx.workspace_id,
                account=account.key,
                scope=account.scope.value,
                project_id=budget.project_id,
                agent_id=_if(account, Scope.AGENT),
                task_id=_if(account, Scope.TASK),
                name=budget.name,
                tokens=budget.tokens,
                cost_micros=budget.cost_micros,
                version=budget.version,
                created_by=by,
                created_at=at,
            )
            .returning(BudgetRow.id)
        )
        return added.first() is not None

    async def save(self, budget: Budget) -> None:
        await self._tx.execute(
            update(BudgetRow)
            .where(BudgetRow.workspace_id == self._tx.workspace_id, BudgetRow.id == budget.id)
            .values(tokens=budget.tokens, cost_micros=budget.cost_micros, version=budget.version)
        )

    async def remove(self, budget_id: BudgetId) -> None:
        await self._tx.execute(
            delete(BudgetRow).where(
                BudgetRow.workspace_id == self._tx.workspace_id, BudgetRow.id == budget_id
            )
        )

    async def spend(self, accounts: Sequence[Account], usage: Usage, month: str) -> None:
        """Add to what was used on behalf of these accounts."""
        rows = [
            {
                "workspace_id": self._tx.workspace_id,
                "account": account.key,
                "period": account.scope.period(month),
                "tokens": usage.tokens,
                "cost_micros": usage.cost_micros,
            }
            for account in sorted(accounts, key=lambda one: one.key)
        ]
        statement = upsert(self._tx, SpendingRow).values(rows)
        await self._tx.execute(
            statement.on_conflict_do_update(
                index_elements=[SpendingRow.workspace_id, SpendingRow.account, SpendingRow.period],
                set_={
                    "tokens": SpendingRow.tokens + statement.excluded.tokens,
                    "cost_micros": SpendingRow.cost_micros + statement.excluded.cost_micros,
                },
            )
        )

    def _envelopes(self, month: str) -> Any:
        return _joined(month).where(
            BudgetRow.workspace_id == self._tx.workspace_id,
            visible(BudgetRow.project_id, self._tx),
        )


def _joined(month: Any) -> Any:
    period = case((BudgetRow.scope == Scope.TASK.value, ALL_TIME), else_=month)
    return select(
        BudgetRow,
        func.coalesce(SpendingRow.tokens, 0).label("spent_tokens"),
        func.coalesce(SpendingRow.cost_micros, 0).label("spent_micros"),
    ).outerjoin(
        SpendingRow,
        and_(
            SpendingRow.workspace_id == BudgetRow.workspace_id,
            SpendingRow.account == BudgetRow.account,
            SpendingRow.period == period,
        ),
    )


_of_accounts = Prepared(
    lambda of, _: _joined(of.given("month", Text())).where(
        BudgetRow.workspace_id == of.workspace_id,
        of.is_given(BudgetRow.account, "accounts", Text()),
    )
)


def _if(account: Account, scope: Scope) -> UUID | None:
    return account.subject_id if account.scope is scope else None


def _envelope(row: Row[Any], month: str) -> Envelope:
    scope = Scope(row.scope)
    subject_id = row.task_id or row.agent_id or row.project_id
    account = Account(scope, subject_id)
    return Envelope(
        budget=Budget(
            id=BudgetId(row.id),
            account=account,
            project_id=row.project_id,
            name=row.name,
            tokens=row.tokens,
            cost_micros=row.cost_micros,
            version=row.version,
        ),
        period=scope.period(month),
        tokens=row.spent_tokens,
        cost_micros=row.spent_micros,
    )
