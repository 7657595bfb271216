"""Budgets on the wire."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from nexus.features.agents.dto import MICROS
from nexus.features.budgets.domain import Envelope, Scope
from nexus.features.tasks.choosing import Running
from nexus.platform.fields import ProjectKey

Tokens = Annotated[int, Meta(ge=0, le=10**15)]
Cost = Annotated[float, Meta(ge=0, le=1_000_000_000, description="US dollars.")]


class BudgetIn(Struct, forbid_unknown_fields=True, frozen=True):
    """For a project, an agent, a task, or (none of them) the workspace.

    A task's budget is for good, the others are for each calendar month in UTC. null: no limit.
    """

    project: ProjectKey | None = None
    agent: Annotated[str, Meta(max_length=60)] | None = None
    task: Annotated[str, Meta(max_length=60)] | None = None
    tokens: Tokens | None = None
    cost: Cost | None = None

    @property
    def cost_micros(self) -> int | None:
        return None if self.cost is None else round(self.cost * MICROS)


class BudgetOut(Struct, frozen=True):
    """`spent_...` is of `period` (a month, or null for all time); costs are in US dollars.

    `reserved_...` is what runs under way have set aside and not used yet.
    """

    id: UUID
    scope: Scope
    subject_id: UUID | None
    name: str
    period: str | None
    tokens: int | None
    spent_tokens: int
    reserved_tokens: int
    cost: float | None
    spent_cost: float
    reserved_cost: float
    version: int

    @classmethod
    def of(cls, envelope: Envelope, running: Running) -> "BudgetOut":
        budget, reserved = envelope.budget, envelope.reserved(running)
        return cls(
            id=budget.id,
            scope=budget.account.scope,
            subject_id=budget.account.subject_id,
            name=budget.name,
            period=envelope.period or None,
            tokens=budget.tokens,
            spent_tokens=envelope.tokens,
            reserved_tokens=reserved.tokens,
            cost=None if budget.cost_micros is None else budget.cost_micros / MICROS,
            spent_cost=envelope.cost_micros / MICROS,
            reserved_cost=reserved.cost_micros / MICROS,
            version=budget.version,
        )


class BudgetPage(Struct, frozen=True):
    items: list[BudgetOut]
    next_cursor: str | None
