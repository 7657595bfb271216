"""Tasks, agents, runs and budgets in memory: how each act is answered, and what it leaves."""

from collections.abc import Iterator
from dataclasses import dataclass, field

UNDER_WAY = ("working", "needs_input")
FINISHED = ("done", "cancelled")
PRIORITIES = ("critical", "high", "medium", "low", "none")
LANDINGS = {"API": "in_review", "WEB": "done"}
"""The projects, and where submitted work lands in them."""

Account = tuple[str, str]
"""What a budget is for: a scope, and the project's key, the agent's name or the task's key."""

WORKSPACE: Account = ("workspace", "")


@dataclass(frozen=True)
class Amount:
    tokens: int = 0
    dollars: int = 0

    def plus(self, other: "Amount") -> "Amount":
        return Amount(self.tokens + other.tokens, self.dollars + other.dollars)

    def less(self, other: "Amount") -> "Amount":
        """What is left of it, which is never less than nothing."""
        return Amount(max(0, self.tokens - other.tokens), max(0, self.dollars - other.dollars))

    @property
    def parts(self) -> tuple[int, int]:
        return self.tokens, self.dollars


@dataclass(frozen=True)
class Limit:
    """None is without one."""

    tokens: int | None
    dollars: int | None

    def over(self, spent: Amount) -> list[bool]:
        pairs = zip(spent.parts, (self.tokens, self.dollars), strict=True)
        return [most is not None and one > most for one, most in pairs]

    def reached(self, spent: Amount) -> bool:
        pairs = zip(spent.parts, (self.tokens, self.dollars), strict=True)
        return any(most is not None and one >= most for one, most in pairs)


@dataclass
class ModelAgent:
    name: str
    max_tasks: int
    reserves: Amount
    projects: tuple[str, ...]
    needs_review: bool
    is_paused: bool = False
    has_run: bool = False


@dataclass(eq=False)
class ModelRun:
    """`has_run_out`: the lease is over by the clock, and nobody has drawn the consequence."""

    task: str
    holder: str
    reserved: Amount
    is_person: bool = False
    state: str = "working"
    used: Amount = Amount()
    has_run_out: bool = False
    id: str = ""
    fence: int = 0

    @property
    def is_under_way(self) -> bool:
        return self.state in UNDER_WAY

    @property
    def is_live(self) -> bool:
        return self.is_under_way and not self.has_run_out

    @property
    def accounts(self) -> tuple[Account, ...]:
        return accounts_of(self.task, self.holder)


@dataclass
class ModelTask:
    key: str
    priority: str
    dependencies: set[str]
    status: str = "todo"
    runs: list[ModelRun] = field(default_factory=list[ModelRun])

    @property
    def newest(self) -> ModelRun | None:
        return self.runs[-1] if self.runs else None

    @property
    def hold(self) -> ModelRun | None:
        return self.newest if self.newest and self.newest.is_live else None

    @property
    def is_finished(self) -> bool:
        return self.status in FINISHED

    @property
    def is_taken(self) -> bool:
        """Whether its status keeps others away; a lease that ran out does not."""
        return self.status != "todo" and not (self.newest and self.newest.has_run_out)

    @property
    def awaits_review(self) -> bool:
        return self.newest is not None and self.newest.state == "submitted"


@dataclass(frozen=True)
class Answer:
    """What an act is answered. `codes`: any of them will do for a refusal."""

    status: int = 200
    codes: tuple[str, ...] = ()
    run: ModelRun | None = None
    is_stop: bool = False


YES = Answer()


def no(*codes: str, status: int = 409) -> Answer:
    return Answer(status=status, codes=codes)


def project_of(key: str) -> str:
    return key.partition("-")[0]


def accounts_of(key: str, holder: str) -> tuple[Account, ...]:
    return (WORKSPACE, ("project", project_of(key)), ("agent", holder), ("task", key))


class Model:
    def __init__(self) -> None:
        self.tasks: dict[str, ModelTask] = {}
        self.agents: dict[str, ModelAgent] = {}
        self.runs: list[ModelRun] = []
        self.budgets: dict[Account, Limit] = {}
        self.spent: dict[Account, Amount] = {}
        self.all_paused = False

    def live(self) -> list[ModelRun]:
        return [run for run in self.runs if run.is_live]

    def due(self) -> list[ModelRun]:
        return [run for run in self.runs if run.has_run_out]

    def over(self) -> list[ModelRun]:
        return [run for run in self.runs if not run.is_live]

    def accounts(self) -> list[Account]:
        """All that a budget can be for."""
        named = {"project": LANDINGS, "agent": self.agents, "task": self.tasks}
        return [WORKSPACE, *((scope, one) for scope, those in named.items() for one in those)]

    def is_paused(self, name: str) -> bool:
        return name in self.agents and (self.all_paused or self.agents[name].is_paused)

    def is_busy(self, name: str) -> bool:
        return sum(run.holder == name for run in self.live()) >= self.agents[name].max_tasks

    def open_dependencies(self, key: str) -> int:
        return sum(not self.tasks[on].is_finished for on in self.tasks[key].dependencies)

    def unlocks(self, key: str) -> tuple[int, int]:
        """In how long a chain open tasks wait for this one, and how many they are."""
        waiting = [
            one.key
            for one in self.tasks.values()
            if key in one.dependencies and not one.is_finished
        ]
        depth = max((1 + self.unlocks(one)[0] for one in waiting), default=0)
        return depth, len(set(self._behind(key)))

    def first_for(self, name: str, wanted: Amount) -> str | None:
        """The task that an agent is to be given."""
        order = {key: n for n, key in enumerate(self.tasks)}

        def urgency(task: ModelTask) -> tuple[int, int, int, int]:
            depth, count = self.unlocks(task.key)
            return PRIORITIES.index(task.priority), -depth, -count, order[task.key]

        fit = [
            task
            for task in self.tasks.values()
            if not task.is_taken
            and not self.open_dependencies(task.key)
            and self._may_work_on(name, task.key)
            and self.is_payable(task.key, name, wanted)
        ]
        return min(fit, key=urgency).key if fit else None

    def is_payable(self, key: str, name: str, wanted: Amount) -> bool:
        for account in accounts_of(key, name):
            limit = self.budgets.get(account)
            taken = self.spent_of(account).plus(self.reserved_of(account))
            if limit and (limit.reached(taken) or any(limit.over(taken.plus(wanted)))):
                return False
        return True

    def spent_of(self, account: Account) -> Amount:
        return self.spent.get(account, Amount())

    def reserved_of(self, account: Account, *, but: ModelRun | None = None) -> Amount:
        """What live runs have set aside of it and not used yet."""
        total = Amount()
        for run in self.live():
            if run is not but and account in run.accounts:
                total = total.plus(run.reserved.less(run.used))
        return total

    def claim(self, name: str, key: str | None, reserve: Amount | None) -> Answer:
        agent = self.agents[name]
        wanted = agent.reserves if reserve is None else reserve
        if self.is_paused(name):
            return no("agent.paused")
        if self.is_busy(name):
            return no("agent.busy")
        if key is None:
            self.sweep()
            key = self.first_for(name, wanted)
            return self._taken(key, name, wanted) if key else YES
        if refusal := self._refusal(self.tasks[key], name, wanted):
            return refusal
        return self._taken(key, name, wanted)

    def written(self, run: ModelRun, who: str, fence: int | None) -> Answer:
        """What a word in a run by somebody who shows this fence is answered."""
        if run.holder != who:
            return no("run.not_yours", status=403)
        if fence is None and not run.is_person:
            return no("task.fence_missing")
        if not run.is_live:
            return no("task.fence_superseded", "run.over")
        return YES if fence in {None, run.fence} else no("task.fence_superseded")

    def use(self, run: ModelRun, amount: Amount) -> Answer:
        run.used = run.used.plus(amount)
        for account in run.accounts:
            self.spent[account] = self.spent_of(account).plus(amount)
        if any(self._is_overdrawn(account, run) for account in run.accounts):
            self._end(run, "cancelled", "todo")
            return Answer(is_stop=True)
        return YES

    def submit(self, run: ModelRun, *, is_proved: bool) -> Answer:
        if not is_proved:
            return no("run.evidence_missing")
        agent = self.agents.get(run.holder)
        if LANDINGS[project_of(run.task)] == "done" and not (agent and agent.needs_review):
            self._end(run, "accepted", "done")
        else:
            self._end(run, "submitted", "in_review")
        return YES

    def release(self, run: ModelRun) -> None:
        self._end(run, "released", "todo")

    def fail(self, run: ModelRun, *, is_final: bool) -> None:
        self._end(run, "failed", "deferred" if is_final else "todo")

    def cancel(self, run: ModelRun) -> Answer:
        """By a person."""
        if not run.is_under_way:
            return no("run.over")
        self._end(run, "cancelled", "todo")
        return YES

    def judge(self, run: ModelRun, who: str, *, is_accepted: bool) -> Answer:
        if run.state != "submitted":
            return no("run.over")
        if run.holder == who or who in self.agents:
            return no("project.acceptance_not_yours", status=403)
        self._end(run, *(("accepted", "done") if is_accepted else ("rejected", "todo")))
        return YES

    def set_status(self, key: str, status: str, who: str) -> Answer:
        """By a person: it ends the hold, and judges what was submitted."""
        task = self.tasks[key]
        if task.status == status:
            return YES
        if task.is_finished and status != "todo":
            return no("task.status_not_allowed")
        run = task.newest
        if task.awaits_review and status == "done" and run and run.holder == who:
            return no("project.acceptance_not_yours", status=403)
        if run and run.has_run_out:
            self._end(run, "expired", status)
        elif run and run.is_live and run.holder == who:
            self._end(run, "accepted" if status == "done" else "released", status)
        elif run and run.is_live:
            self._end(run, "cancelled", status)
        elif run and task.awaits_review:
            verdicts = {"done": "accepted", "cancelled": "cancelled"}
            self._end(run, verdicts.get(status, "rejected"), status)
        task.status = status
        return YES

    def hold(self, key: str, who: str) -> Answer:
        """A person takes a task, from whomever, and out of review."""
        task = self.tasks[key]
        if task.hold and task.hold.holder == who:
            return YES
        if task.is_finished:
            return no("task.status_not_allowed")
        if task.newest and task.newest.is_under_way:
            self._end(task.newest, "expired" if task.newest.has_run_out else "cancelled", "todo")
        elif task.newest and task.awaits_review:
            self._end(task.newest, "rejected", "todo")
        run = ModelRun(task=key, holder=who, reserved=Amount(), is_person=True)
        return self._begun(run)

    def unhold(self, key: str, who: str) -> None:
        run = self.tasks[key].newest
        if run and run.has_run_out:
            self._end(run, "expired", "todo")
        elif run and run.is_live:
            self._end(run, "released" if run.holder == who else "cancelled", "todo")

    def sweep(self) -> None:
        for run in self.due():
            self._end(run, "expired", "todo")

    def _refusal(self, task: ModelTask, name: str, wanted: Amount) -> Answer | None:
        if task.hold:
            return no("task.already_held")
        if task.is_taken or self.open_dependencies(task.key):
            return no("task.not_ready")
        if not self._may_work_on(name, task.key):
            return no("task.not_for_agent")
        if not self.is_payable(task.key, name, wanted):
            return no("budget.exhausted")
        return None

    def _may_work_on(self, name: str, key: str) -> bool:
        projects = self.agents[name].projects
        return not projects or project_of(key) in projects

    def _taken(self, key: str, name: str, wanted: Amount) -> Answer:
        newest = self.tasks[key].newest
        if newest and newest.has_run_out:
            self._end(newest, "expired", "todo")
        self.agents[name].has_run = True
        return self._begun(ModelRun(task=key, holder=name, reserved=wanted))

    def _begun(self, run: ModelRun) -> Answer:
        self.runs.append(run)
        self.tasks[run.task].runs.append(run)
        self.tasks[run.task].status = "in_progress"
        return Answer(run=run)

    def _end(self, run: ModelRun, state: str, status: str) -> None:
        run.state, run.has_run_out = state, False
        self.tasks[run.task].status = status

    def _is_overdrawn(self, account: Account, run: ModelRun) -> bool:
        """Beyond its own reservation a run may only take what others have not set aside."""
        limit = self.budgets.get(account)
        if limit is None:
            return False
        spent = self.spent_of(account)
        taken = limit.over(spent.plus(self.reserved_of(account, but=run)))
        beyond = [used > own for used, own in zip(run.used.parts, run.reserved.parts, strict=True)]
        return any(limit.over(spent)) or any(map(all, zip(taken, beyond, strict=True)))

    def _behind(self, key: str) -> Iterator[str]:
        for one in self.tasks.values():
            if key in one.dependencies and not one.is_finished:
                yield one.key
                yield from self._behind(one.key)
