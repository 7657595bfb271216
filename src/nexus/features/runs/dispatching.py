"""Who takes what: the next task of an agent, claims, and people who take tasks over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from nexus.features.agents.domain import Agent
from nexus.features.agents.service import AgentService
from nexus.features.budgets.errors import BudgetExhausted
from nexus.features.budgets.service import BudgetService
from nexus.features.runs.domain import Claim, Next
from nexus.features.runs.errors import (
    AgentBusy,
    AgentNotNamed,
    AgentsForThemselves,
    PeopleOnly,
    TaskNotForAgent,
    TaskOverlaps,
)
from nexus.features.tasks.assignments import AssignmentService
from nexus.features.tasks.choosing import (
    Choice,
    PassedOver,
    Running,
    asked_for,
    choose,
    misfits,
    no_room,
    not_ready,
)
from nexus.features.tasks.domain import Task
from nexus.features.tasks.errors import NotReadyToClaim
from nexus.features.tasks.holding import HoldService
from nexus.features.tasks.holds import (
    DEFAULT_LEASE_S,
    EXPIRY,
    Ending,
    Holder,
    Reservation,
    Run,
    RunFilter,
    RunState,
    already_held,
)
from nexus.features.tasks.selecting import CandidateService
from nexus.platform.actor import Actor, ActorKind

FIRST_LOOK = 4  # of which the first mostly fits
AT_A_TIME = 20
MOST_LOOKED_AT = 400
EARLIER_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a claim asks for. Without a task: the next one. `reserved` None: the agent's own."""

    agent: str | None = None
    task: str | None = None
    lease_s: int = DEFAULT_LEASE_S
    allows_overlap: bool = False
    reserved: Reservation | None = None


class DispatchService:
    def __init__(
        self,
        holds: HoldService,
        candidates: CandidateService,
        runs: AssignmentService,
        agents: AgentService,
        budgets: BudgetService,
    ) -> None:
        self._holds = holds
        self._candidates = candidates
        self._runs = runs
        self._agents = agents
        self._budgets = budgets

    async def agent_of(self, wish: Wish, *, by: Actor) -> Agent:
        """Whom a claim is for: an agent claims for itself, a person for any agent."""
        if by.kind is not ActorKind.AGENT:
            if wish.agent is None:
                raise AgentNotNamed(field="agent")
            return await self._agents.get(wish.agent)
        agent = await self._agents.get(str(by.id))
        if wish.agent not in {None, "me", str(agent.id), agent.handle, f"@{agent.handle}"}:
            raise AgentsForThemselves
        return agent

    async def look(self, wish: Wish, *, by: Actor) -> tuple[Agent, Choice]:
        """The same, with what it would be given now. Raises AgentPaused, AgentBusy."""
        agent = await self.agent_of(wish, by=by)
        running = await self._candidates.running()
        _check_free(agent, running)
        return agent, await self._chosen(agent, wish, running)

    async def next(self, wish: Wish, *, about: str | None = None, by: Actor) -> Next:
        """What the agent would be given now; looks and changes nothing.

        `about` is a task to say of why it is not the one.
        """
        agent = await self.agent_of(wish, by=by)
        running = await self._candidates.running()
        choice = await self._chosen(agent, wish, running)
        why_not: Sequence[str] = ()
        if about is not None:
            why_not = await self._why_not(about, agent, wish, running, choice)
        return Next(
            task=choice.task,
            reason=choice.reason,
            passed_over=choice.passed_over,
            why_not=why_not,
        )

    async def claim(self, wish: Wish, *, by: Actor) -> Claim | None:
        """Take the task that is named, or the next one; None where nothing fits.

        Raises AgentPaused, AgentBusy, and for a named task what stands in the way of it.
        """
        await self._candidates.lock()
        agent = await self.agent_of(wish, by=by)
        running = await self._candidates.running()
        _check_free(agent, running)
        if wish.task is not None:
            return await self._claim_named(wish.task, agent, wish, running, by=by)
        if running.due:
            await self._holds.expire_due()
            running = await self._candidates.running()
        return await self._claim_next(agent, wish, running, by=by)

    async def hold(self, ref: str, *, by: Actor) -> Task:
        """A person takes a task, over from an agent if need be, who hears of it."""
        _check_person(by)
        task = await self._holds.task(ref, lock=True)
        task.check_not_archived()
        hold = task.hold
        if hold and hold.is_live:
            if hold.holder.id == by.id:
                return task
            ending = Ending(state=RunState.CANCELLED, reason=f"{by.name} took it over.")
            await self._holds.end_hold(task, ending, by=by)
        elif hold and hold.awaits_review:
            await self._holds.send_back(task, f"{by.name} took it over.", by=by)
        holder = Holder(id=by.id, kind=by.kind, name=by.name)
        taken, _ = await self._holds.take(
            task, holder, lease_s=None, reserved=Reservation(), allows_overlap=True, by=by
        )
        return taken

    async def unhold(self, ref: str, *, by: Actor) -> Task:
        """Let a task go, one's own or somebody else's, so that it can be taken again."""
        _check_person(by)
        task = await self._holds.task(ref, lock=True)
        hold = task.hold
        if hold is None or not hold.run_state.is_under_way:
            return task
        if hold.is_due:
            freed = await self._holds.free([task], EXPIRY, by=None)
            if freed:
                return freed[0]
        state = RunState.RELEASED if hold.holder.id == by.id else RunState.CANCELLED
        ending = Ending(state=state, reason=f"{by.name} let it go.")
        [freed] = await self._holds.free([task], ending, by=by)
        return freed

    async def _chosen(self, agent: Agent, wish: Wish, running: Running) -> Choice:
        passed: list[PassedOver] = []
        choice = Choice(task=None, reason="")
        offset, limit = 0, FIRST_LOOK
        while offset < MOST_LOOKED_AT:
            found = await self._candidates.list_ready(
                agent.wants, running, offset=offset, limit=limit
            )
            unpaid = await self._unpaid(found, agent, wish, running)
            choice = choose(
                found, agent.wants, running, unpaid=unpaid, allows_overlap=wish.allows_overlap
            )
            passed += choice.passed_over
            if choice.task or len(found) < limit:
                break
            offset, limit = offset + limit, AT_A_TIME
        return replace(choice, passed_over=passed[:AT_A_TIME])

    async def _claim_next(
        self, agent: Agent, wish: Wish, running: Running, *, by: Actor
    ) -> Claim | None:
        """Whoever edits the chosen task in this moment may make it unfit: then choose again."""
        for _ in range(AT_A_TIME):
            choice = await self._chosen(agent, wish, running)
            if choice.task is None:
                return None
            task = await self._freed(await self._holds.task(choice.task.key, lock=True))
            if task and not not_ready(task) and not misfits(task, agent.wants):
                return await self._taken(task, agent, wish, choice, by=by)
        return None

    async def _claim_named(
        self, ref: str, agent: Agent, wish: Wish, running: Running, *, by: Actor
    ) -> Claim:
        task = await self._holds.task(ref, lock=True)
        hold = task.hold
        if hold and hold.is_live:
            raise already_held(task.key, hold)
        free = await self._freed(task)
        if hold and free is None:
            raise already_held(task.key, hold)
        task = free or task
        if by.id != agent.id and not await self._candidates.is_seen_by(task, agent.id):
            reason = f"{agent.name} is no member of the private project {task.project_key}."
            raise TaskNotForAgent(key=task.key, reason=reason)
        if reasons := not_ready(task):
            raise NotReadyToClaim(key=task.key, reason=" ".join(reasons))
        if reasons := self._not_for(task, agent, by):
            raise TaskNotForAgent(key=task.key, reason=" ".join(reasons))
        if reasons := no_room(task, agent.wants, running):
            raise AgentBusy(reason=" ".join(reasons))
        if (conflict := running.conflict_of(task)) and not wish.allows_overlap:
            raise TaskOverlaps(key=task.key, reason=conflict)
        if unpaid := await self._unpaid([task], agent, wish, running):
            raise BudgetExhausted(key=task.key, reason=unpaid[task.id])
        return await self._taken(task, agent, wish, asked_for(task), by=by)

    async def _freed(self, task: Task) -> Task | None:
        """A locked task without the lease that ran out; None if it was renewed in this moment."""
        if task.hold is None or not task.hold.is_due:
            return task
        freed = await self._holds.free([task], EXPIRY, by=None)
        return freed[0] if freed else None

    async def _taken(
        self, task: Task, agent: Agent, wish: Wish, choice: Choice, *, by: Actor
    ) -> Claim:
        earlier = task.hold is not None
        taken, claimed = await self._holds.take(
            task,
            Holder(id=agent.id, kind=ActorKind.AGENT, name=agent.name),
            lease_s=wish.lease_s,
            reserved=wish.reserved or agent.limits.reserved,
            allows_overlap=wish.allows_overlap,
            by=by,
        )
        runs: Sequence[Run] = []
        if earlier:
            page = await self._runs.list_runs(RunFilter(task_id=task.id), None, EARLIER_SHOWN + 1)
            runs = [run for run in page.items if run.id != claimed.run_id][:EARLIER_SHOWN]
        return Claim(
            task=taken,
            claimed=claimed,
            reason=choice.reason,
            passed_over=choice.passed_over,
            earlier=runs,
        )

    async def _unpaid(
        self, tasks: Sequence[Task], agent: Agent, wish: Wish, running: Running
    ) -> Mapping[UUID, str]:
        wanted = wish.reserved or agent.limits.reserved
        return await self._budgets.unpayable(tasks, agent.id, wanted, running)

    def _not_for(self, task: Task, agent: Agent, by: Actor) -> list[str]:
        """A person who assigns a task knows better than labels and numbers do."""
        if by.kind is ActorKind.AGENT:
            return misfits(task, agent.wants)
        bare = replace(agent.wants, labels=(), min_complexity=1, max_complexity=10)
        return misfits(task, bare)

    async def _why_not(
        self, ref: str, agent: Agent, wish: Wish, running: Running, choice: Choice
    ) -> list[str]:
        task = await self._holds.task(ref)
        if choice.task and choice.task.id == task.id:
            return []
        reasons = [f"{agent.name} is paused."] if agent.pause else []
        reasons += not_ready(task) + misfits(task, agent.wants)
        reasons += no_room(task, agent.wants, running)
        conflict = None if wish.allows_overlap else running.conflict_of(task)
        reasons += [conflict] if conflict else []
        reasons += (await self._unpaid([task], agent, wish, running)).values()
        if not reasons and choice.task:
            reasons = [f"It is ready, and {choice.task.key} comes first. {choice.reason}"]
        return reasons


def _check_free(agent: Agent, running: Running) -> None:
    agent.check_not_paused()
    count = running.count_of(agent.id)
    if count >= agent.limits.max_tasks:
        raise AgentBusy(reason=f"{agent.name} works on {count} already.")


def _check_person(by: Actor) -> None:
    if by.kind is ActorKind.AGENT:
        raise PeopleOnly
