"""Budgets, what is left of them, and whether a claim can be paid: pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from nexus.features.tasks.choosing import Running, RunningTask
from nexus.features.tasks.domain import Task
from nexus.features.tasks.holds import Reservation
from nexus.platform.actor import ActorId

BudgetId = NewType("BudgetId", UUID)
ALL_TIME = ""


class Scope(StrEnum):
    """What a budget is for. A task's is for good, the others are for each calendar month."""

    WORKSPACE = "workspace"
    PROJECT = "project"
    AGENT = "agent"
    TASK = "task"

    def period(self, month: str) -> str:
        return ALL_TIME if self is Scope.TASK else month


@dataclass(frozen=True)
class Account:
    """What something is spent on behalf of: a scope and, but for the workspace, whose."""

    scope: Scope
    subject_id: UUID | None = None

    @property
    def key(self) -> str:
        return f"{self.scope}:{self.subject_id}" if self.subject_id else self.scope.value


def accounts_of(project_id: UUID, agent_id: UUID, task_id: UUID) -> tuple[Account, ...]:
    """All that a run draws on."""
    return (
        Account(Scope.WORKSPACE),
        Account(Scope.PROJECT, project_id),
        Account(Scope.AGENT, agent_id),
        Account(Scope.TASK, task_id),
    )


def month_of(at: datetime) -> str:
    """The calendar month in UTC, as 2026-11."""
    return f"{at:%Y-%m}"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """`tokens` and `cost_micros` (millionths of a US dollar) are limits; None is without one.

    `project_id` is there where only its members may see it. A task's goes where the task goes.
    """

    id: BudgetId
    account: Account
    project_id: UUID | None
    name: str
    tokens: int | None
    cost_micros: int | None
    version: int


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """A budget with what was spent of it in its period."""

    budget: Budget
    period: str
    tokens: int
    cost_micros: int

    @property
    def is_overdrawn(self) -> bool:
        limits = self.budget
        return _is_above(self.tokens, limits.tokens) or _is_above(
            self.cost_micros, limits.cost_micros
        )

    def reserved(self, running: Running, *, but: UUID | None = None) -> Reservation:
        """What runs under way have set aside of it, but for one of them."""
        those = [
            task.reserved
            for task in running.tasks
            if task.run_id != but and not task.is_due and self._draws_on(task)
        ]
        return Reservation(
            tokens=sum(one.tokens for one in those),
            cost_micros=sum(one.cost_micros for one in those),
        )

    def refusal(self, wanted: Reservation, reserved: Reservation) -> str | None:
        """Why so much cannot be set aside; None if it can."""
        limits = self.budget
        when = f" for {self.period}" if self.period else ""
        if _lacks(limits.tokens, self.tokens + reserved.tokens, wanted.tokens):
            return (
                f"The token budget of {limits.name}{when} does not allow it: {self.tokens:,} of "
                f"{limits.tokens:,} are used, {reserved.tokens:,} set aside by others, "
                f"{wanted.tokens:,} wanted."
            )
        if _lacks(limits.cost_micros, self.cost_micros + reserved.cost_micros, wanted.cost_micros):
            return (
                f"The budget of {limits.name}{when} does not allow it: {_dollars(self.cost_micros)}"
                f" of {_dollars(limits.cost_micros)} are spent, {_dollars(reserved.cost_micros)} "
                f"set aside by others, {_dollars(wanted.cost_micros)} wanted."
            )
        return None

    def exhaustion(self) -> str:
        """That it is used up, in words."""
        limits = self.budget
        when = f" for {self.period}" if self.period else ""
        if _is_above(self.tokens, limits.tokens):
            return (
                f"The token budget of {limits.name}{when} is used up: {self.tokens:,} of "
                f"{limits.tokens:,} are used or set aside by others."
            )
        spent = f"{_dollars(self.cost_micros)} of {_dollars(limits.cost_micros)}"
        return f"The budget of {limits.name}{when} is used up: {spent} are spent or set aside."

    def _draws_on(self, task: RunningTask) -> bool:
        match self.budget.account.scope:
            case Scope.WORKSPACE:
                return True
            case Scope.PROJECT:
                return task.project_id == self.budget.account.subject_id
            case Scope.AGENT:
                return task.actor_id == self.budget.account.subject_id
            case Scope.TASK:
                return task.task_id == self.budget.account.subject_id


def unpayable(
    tasks: Sequence[Task],
    agent_id: ActorId,
    wanted: Reservation,
    envelopes: Mapping[str, Envelope],
    running: Running,
) -> Mapping[UUID, str]:
    """Which of these tasks cannot be paid, by id, and why."""
    refusals: dict[UUID, str] = {}
    for task in tasks:
        for account in accounts_of(task.project_id, agent_id, task.id):
            envelope = envelopes.get(account.key)
            refusal = envelope and envelope.refusal(wanted, envelope.reserved(running))
            if refusal:
                refusals[task.id] = refusal
                break
    return refusals


def _lacks(limit: int | None, taken: int, wanted: int) -> bool:
    return limit is not None and (taken + wanted > limit or taken >= limit)


def _is_above(spent: int, limit: int | None) -> bool:
    return limit is not None and spent > limit


def _dollars(micros: int | None) -> str:
    return f"${(micros or 0) / 1_000_000:,.2f}"
