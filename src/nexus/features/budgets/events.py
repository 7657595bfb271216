"""What happens to budgets."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from nexus.platform.events import Event


@dataclass(frozen=True, kw_only=True)
class _BudgetEvent(Event):
    subject_field: ClassVar[str] = "budget_id"

    budget_id: UUID
    scope: str
    project_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class BudgetChanged(_BudgetEvent):
    """`cost_micros` is in millionths of a US dollar; null is without a limit."""

    name: ClassVar[str] = "budget.changed"

    subject_id: UUID | None
    tokens: int | None
    cost_micros: int | None


@dataclass(frozen=True, kw_only=True)
class BudgetRemoved(_BudgetEvent):
    name: ClassVar[str] = "budget.removed"


@dataclass(frozen=True, kw_only=True)
class BudgetExceeded(_BudgetEvent):
    """A run used it up, and its lease has ended."""

    name: ClassVar[str] = "budget.exceeded"

    run_id: UUID
    reason: str
