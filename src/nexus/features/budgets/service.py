"""The verbs of budgets: set and look at them, ask whether a claim can be paid, and draw."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from nexus.features.agents.service import AgentService
from nexus.features.budgets.domain import (
    Account,
    Budget,
    BudgetId,
    Envelope,
    Scope,
    accounts_of,
    month_of,
    unpayable,
)
from nexus.features.budgets.errors import BudgetNotFound, BudgetSubject, BudgetWithoutLimit
from nexus.features.budgets.events import BudgetChanged, BudgetExceeded, BudgetRemoved
from nexus.features.budgets.repository import BudgetRepository
from nexus.features.projects.service import ProjectService
from nexus.features.tasks.choosing import Running
from nexus.features.tasks.domain import Task
from nexus.features.tasks.holding import HoldService
from nexus.features.tasks.holds import Reservation, Run, Usage
from nexus.features.tasks.selecting import CandidateService
from nexus.platform.actor import Actor, ActorId
from nexus.platform.clock import now
from nexus.platform.errors import Stale
from nexus.platform.events import EventLog
from nexus.platform.ids import new_id
from nexus.platform.paging import Page


class Subjects:
    """What a budget can be for."""

    def __init__(self, projects: ProjectService, agents: AgentService, holds: HoldService) -> None:
        self._projects = projects
        self._agents = agents
        self._holds = holds

    async def find(
        self, project: str | None, agent: str | None, task: str | None
    ) -> tuple[Account, str, UUID | None]:
        """The account, what people call it, and the project whose members alone may see it."""
        if sum(one is not None for one in (project, agent, task)) > 1:
            raise BudgetSubject
        if project is not None:
            found = await self._projects.get(project)
            return Account(Scope.PROJECT, found.id), found.key, found.id
        if agent is not None:
            one = await self._agents.get(agent)
            return Account(Scope.AGENT, one.id), one.name, None
        if task is not None:
            whole = await self._holds.task(task)
            return Account(Scope.TASK, whole.id), whole.key, None
        return Account(Scope.WORKSPACE), "the workspace", None

    async def task_keys(self, task_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        """The keys of those tasks that may be seen."""
        return await self._holds.list_keys(task_ids)

    async def project_of(self, budget: Budget) -> UUID | None:
        """Whose members alone hear of it: of a task's, those of the project where it is now."""
        if budget.account.scope is Scope.TASK and budget.account.subject_id:
            return (await self._holds.task(str(budget.account.subject_id))).project_id
        return budget.project_id


class BudgetService:
    def __init__(
        self,
        budgets: BudgetRepository,
        subjects: Subjects,
        candidates: CandidateService,
        events: EventLog,
    ) -> None:
        self._budgets = budgets
        self._subjects = subjects
        self._candidates = candidates
        self._events = events

    async def set(
        self,
        *,
        project: str | None,
        agent: str | None,
        task: str | None,
        tokens: int | None,
        cost_micros: int | None,
        version: int | None,
        by: Actor,
    ) -> Envelope:
        """Give something a budget, or another one. The same one again changes nothing."""
        if tokens is None and cost_micros is None:
            raise BudgetWithoutLimit
        account, name, project_id = await self._subjects.find(project, agent, task)
        wanted = Budget(
            id=BudgetId(new_id()),
            account=account,
            project_id=project_id,
            name=name,
            tokens=tokens,
            cost_micros=cost_micros,
            version=1,
        )
        month = month_of(now())
        known = await self._budgets.find(account, month)
        if known is None and not await self._budgets.add(wanted, by=by.id, at=now()):
            known = await self._budgets.find(account, month)  # somebody was quicker
        if known:
            old = known.budget
            if version not in {None, old.version}:
                raise Stale(what="budget", current=old.version, given=version)
            if (old.tokens, old.cost_micros) == (tokens, cost_micros):
                return known
            wanted = replace(wanted, id=old.id, version=old.version + 1)
            await self._budgets.save(wanted)

        self._events.record(
            BudgetChanged(
                budget_id=wanted.id,
                scope=account.scope,
                project_id=await self._subjects.project_of(wanted),
                subject_id=account.subject_id,
                tokens=tokens,
                cost_micros=cost_micros,
            ),
            by=by,
        )
        return await self._budgets.get(wanted.id, month)

    async def list_budgets(self, cursor: str | None, limit: int) -> tuple[Page[Envelope], Running]:
        """Budgets with what was spent, and what runs, which has set some of them aside."""
        page = await self._budgets.list_page(cursor, limit, month_of(now()))
        seen = await self._named([envelope.budget for envelope in page.items])
        items = [
            replace(envelope, budget=seen[envelope.budget.id])
            for envelope in page.items
            if envelope.budget.id in seen
        ]
        return replace(page, items=items), await self._candidates.running()

    async def running(self) -> Running:
        return await self._candidates.running()

    async def remove(self, budget_id: BudgetId, *, by: Actor) -> None:
        found = await self._budgets.get(budget_id, month_of(now()))
        if budget_id not in await self._named([found.budget]):
            raise BudgetNotFound(id=budget_id)

        await self._budgets.remove(budget_id)
        project_id = await self._subjects.project_of(found.budget)
        scope = found.budget.account.scope
        self._events.record(
            BudgetRemoved(budget_id=budget_id, scope=scope, project_id=project_id), by=by
        )

    async def unpayable(
        self, tasks: Sequence[Task], agent_id: ActorId, wanted: Reservation, running: Running
    ) -> Mapping[UUID, str]:
        """Which of these tasks an agent cannot take, since nobody could pay it, and why."""
        if not tasks:
            return {}
        accounts = {
            account for task in tasks for account in accounts_of(task.project_id, agent_id, task.id)
        }
        envelopes = await self._budgets.list_of(accounts, month_of(now()))
        return unpayable(tasks, agent_id, wanted, envelopes, running)

    async def draw(self, run: Run, usage: Usage) -> str | None:
        """Put down what a run used, which is in its sum already; why its lease has to end, if so.

        What others have set aside is theirs: a run that uses more than its own reservation may
        only take what nobody has reserved.
        """
        accounts = accounts_of(run.project_id, run.holder.id, run.task_id)
        month = month_of(now())
        await self._budgets.spend(accounts, usage, month)
        envelopes = await self._budgets.list_of(accounts, month)
        if not envelopes:
            return None
        running = await self._candidates.running()
        used = run.usage
        is_beyond = used.tokens > run.reserved.tokens
        costs_more = used.cost_micros > run.reserved.cost_micros
        for envelope in envelopes.values():
            reserved = envelope.reserved(running, but=run.id)
            taken = replace(
                envelope,
                tokens=envelope.tokens + reserved.tokens * is_beyond,
                cost_micros=envelope.cost_micros + reserved.cost_micros * costs_more,
            )
            if taken.is_overdrawn:
                return self._exceeded(taken, run)
        return None

    async def _named(self, budgets: Sequence[Budget]) -> Mapping[BudgetId, Budget]:
        """Those that may be seen, tasks' under the keys that they have now."""
        tasks = {
            budget.id: budget.account.subject_id
            for budget in budgets
            if budget.account.scope is Scope.TASK and budget.account.subject_id
        }
        seen = await self._subjects.task_keys(list(tasks.values())) if tasks else None
        named: dict[BudgetId, Budget] = {}
        for budget in budgets:
            if budget.id not in tasks:
                named[budget.id] = budget
            elif key := (seen or dict[UUID, str]()).get(tasks[budget.id]):
                named[budget.id] = replace(budget, name=key)
        return named

    def _exceeded(self, envelope: Envelope, run: Run) -> str:
        reason = envelope.exhaustion()
        account = envelope.budget.account
        self._events.record_by_system(
            BudgetExceeded(
                budget_id=envelope.budget.id,
                scope=account.scope,
                project_id=run.project_id,
                run_id=run.id,
                reason=reason,
            ),
            workspace_id=run.workspace_id,
            run_id=run.id,
        )
        return reason
