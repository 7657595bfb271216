"""Claims, runs and budgets, in any order of steps, agree with a model in memory."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as bounds
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from nexus.platform.settings import Settings
from tests.features.claim_model import (
    LANDINGS,
    PRIORITIES,
    Account,
    Amount,
    Answer,
    Limit,
    Model,
    ModelAgent,
    ModelRun,
    ModelTask,
)
from tests.features.claim_steps import (
    PROOF,
    WORDS,
    Looks,
    Stage,
    World,
    compare_agents,
    compare_budgets,
    compare_runs,
    compare_tasks,
    handle,
    pick,
)

MOST_TASKS, MOST_AGENTS = 8, 4
NTH = st.integers(0, MOST_TASKS - 1)
PROJECTS = st.sampled_from(list(LANDINGS))
PEOPLE = st.sampled_from(["Ada", "Grace"])
STATUSES = st.sampled_from(["backlog", "todo", "in_progress", "in_review", "done", "cancelled"])
TOKENS, DOLLARS = st.sampled_from([0, 10, 25, 60]), st.sampled_from([0, 1, 4])
AMOUNTS = st.builds(Amount, TOKENS, DOLLARS)
LIMITS = st.one_of(
    st.builds(Limit, st.sampled_from([0, 25, 60, 100]), st.none()),
    st.builds(Limit, st.none(), st.sampled_from([0, 1, 5])),
    st.builds(Limit, st.sampled_from([60, 100]), st.sampled_from([1, 5])),
)
SHORT_WAIT_S = 0.03


class ClaimLife(RuleBasedStateMachine):
    """Every rule does one thing over HTTP and in the model, and compares what is answered."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.model = Model()
        self.stage = Stage(world)
        self.looks = Looks()
        self.finished: set[str] = set()

    @initialize(needs_review=st.booleans(), reserves=AMOUNTS)
    def a_start(self, needs_review: bool, reserves: Amount) -> None:
        self.registered(2, reserves, needs_review, [])
        self.registered(1, Amount(), not needs_review, [])
        for project in LANDINGS:
            self.created(project, "none", set())

    @precondition(lambda self: len(self.model.tasks) < MOST_TASKS)
    @rule(project=PROJECTS, priority=st.sampled_from(PRIORITIES), on=st.sets(NTH, max_size=2))
    def created(self, project: str, priority: str, on: set[int]) -> None:
        known = list(self.model.tasks)
        dependencies = {pick(known, n) for n in on}
        key = self.stage.create(project, priority, dependencies)
        self.model.tasks[key] = ModelTask(key, priority, dependencies)

    @precondition(lambda self: len(self.model.agents) < MOST_AGENTS)
    @rule(
        most=st.integers(1, 3),
        reserves=AMOUNTS,
        needs_review=st.booleans(),
        projects=st.lists(PROJECTS, max_size=1),
    )
    def registered(
        self, most: int, reserves: Amount, needs_review: bool, projects: list[str]
    ) -> None:
        name = f"Robo {len(self.model.agents) + 1}"
        agent = ModelAgent(name, most, reserves, tuple(projects), needs_review)
        self.stage.register(agent)
        self.model.agents[name] = agent

    @rule(nth=NTH, assigns=st.booleans(), reserve=st.none() | AMOUNTS)
    def claimed_next(self, nth: int, assigns: bool, reserve: Amount | None) -> None:
        self.claim(self.agent(nth), None, reserve, "Ada" if assigns else None)

    @precondition(lambda self: self.free_agents())
    @rule(nth=NTH, reserve=st.none() | AMOUNTS)
    def waited_for_the_next(self, nth: int, reserve: Amount | None) -> None:
        self.claim(pick(self.free_agents(), nth), None, reserve, None, SHORT_WAIT_S)

    @rule(nth=NTH, task=NTH, assigns=st.booleans(), reserve=st.none() | AMOUNTS)
    def claimed_by_name(self, nth: int, task: int, assigns: bool, reserve: Amount | None) -> None:
        self.claim(self.agent(nth), self.key(task), reserve, "Grace" if assigns else None)

    @precondition(lambda self: self.model.due() and self.free_agents())
    @rule(nth=NTH, task=NTH, reserve=st.none() | AMOUNTS)
    def claimed_after_its_lease_ran_out(self, nth: int, task: int, reserve: Amount | None) -> None:
        key = pick(self.model.due(), task).task
        self.claim(pick(self.free_agents(), nth), key, reserve, None)

    @precondition(lambda self: self.model.live())
    @rule(nth=NTH)
    def heartbeat(self, nth: int) -> None:
        run = pick(self.model.live(), nth)
        out = self.accepted(run, "heartbeats")
        assert out["must_stop"] == self.model.is_paused(run.holder)
        assert (out["expires_at"] is None) == run.is_person

    @precondition(lambda self: self.model.live())
    @rule(nth=NTH, percent=st.integers(0, 100))
    def progressed(self, nth: int, percent: int) -> None:
        run = pick(self.model.live(), nth)
        out = self.accepted(run, "progress", {"note": "On it", "progress": percent})
        assert (out["progress"], out["note"], out["fence"]) == (percent, "On it", run.fence)

    @precondition(lambda self: self.model.live())
    @rule(nth=NTH, amount=AMOUNTS, limit=st.none() | LIMITS)
    def used(self, nth: int, amount: Amount, limit: Limit | None) -> None:
        """Often with a new budget for something that it draws on."""
        run = pick(self.model.live(), nth)
        if limit:
            known = self.model.accounts()
            self.limit(pick([one for one in run.accounts if one in known], nth), limit)
        body = {"tokens_in": amount.tokens // 2, "tokens_out": amount.tokens - amount.tokens // 2}
        out = self.accepted(run, "usage", {**body, "cost": amount.dollars})
        answer = self.model.use(run, amount)
        assert out["must_stop"] == answer.is_stop, out
        assert bool(out["stop_reason"]) == answer.is_stop

    @precondition(lambda self: self.model.live())
    @rule(nth=NTH)
    def asked(self, nth: int) -> None:
        run = pick(self.model.live(), nth)
        self.stage.told(self.stage.say(run, "questions"), Answer(status=201))
        run.state = "needs_input"

    @precondition(lambda self: any(run.state == "needs_input" for run in self.model.live()))
    @rule(nth=NTH)
    def answered(self, nth: int) -> None:
        """Another person answers all that a run asked."""
        run = pick([run for run in self.model.live() if run.state == "needs_input"], nth)
        who = "Grace" if run.holder == "Ada" else "Ada"
        for question in self.stage.get(f"/runs/{run.id}/questions")["items"]:
            path = f"/runs/{run.id}/questions/{question['id']}/answer"
            if question["answer"] is None:
                self.stage.told(self.stage.call(who, "PUT", path, {"answer": "B"}), Answer())
        run.state = "working"

    @precondition(lambda self: self.model.live())
    @rule(nth=NTH, is_proved=st.booleans())
    def submitted(self, nth: int, is_proved: bool) -> None:
        run = pick(self.model.live(), nth)
        body = {"summary": "It works.", "evidence": [PROOF] if is_proved else []}
        response = self.stage.say(run, "submission", body)
        self.ended(response, run, self.model.submit(run, is_proved=is_proved))

    @precondition(lambda self: self.model.live())
    @rule(nth=NTH)
    def released(self, nth: int) -> None:
        run = pick(self.model.live(), nth)
        response = self.stage.say(run, "release")
        self.model.release(run)
        self.ended(response, run, Answer())

    @precondition(lambda self: self.model.live())
    @rule(nth=NTH, is_final=st.booleans())
    def failed(self, nth: int, is_final: bool) -> None:
        run = pick(self.model.live(), nth)
        response = self.stage.say(run, "failure", {"reason": "Broken", "is_final": is_final})
        self.model.fail(run, is_final=is_final)
        self.ended(response, run, Answer())

    @precondition(lambda self: self.model.runs)
    @rule(nth=st.integers(0, 50), who=PEOPLE)
    def cancelled(self, nth: int, who: str) -> None:
        run = pick(self.model.runs[::-1], nth)
        response = self.stage.call(who, "POST", f"/runs/{run.id}/cancellation", {})
        self.ended(response, run, self.model.cancel(run))

    @precondition(lambda self: self.model.runs)
    @rule(nth=st.integers(0, 50), is_accepted=st.booleans(), who=PEOPLE, by_agent=st.booleans())
    def judged(self, nth: int, is_accepted: bool, who: str, by_agent: bool) -> None:
        submitted = [run for run in self.model.runs if run.state == "submitted"]
        run = pick(submitted or self.model.runs, nth)
        who = self.agent(nth) if by_agent else who
        verdict, body = ("acceptance", {}) if is_accepted else ("rejection", {"reason": "No"})
        response = self.stage.call(who, "POST", f"/runs/{run.id}/{verdict}", body)
        self.ended(response, run, self.model.judge(run, who, is_accepted=is_accepted))

    @rule(task=NTH, status=STATUSES, who=PEOPLE)
    def set_status(self, task: int, status: str, who: str) -> None:
        key = self.key(task)
        response = self.stage.call(who, "PATCH", f"/tasks/{key}/status", {"status": status})
        answer = self.model.set_status(key, status, who)
        self.stage.told(response, answer)
        if not answer.codes and status == "todo":
            self.finished.discard(key)

    @rule(task=NTH, who=PEOPLE)
    def taken_over(self, task: int, who: str) -> None:
        one = self.model.tasks[self.key(task)]
        response = self.stage.call(who, "PUT", f"/tasks/{one.key}/hold")
        answer = self.model.hold(one.key, who)
        out = self.stage.told(response, answer)
        if answer.run:
            self.stage.began(one, answer.run, out["hold"]["run_id"], out["hold"]["fence"])

    @rule(task=NTH, who=PEOPLE)
    def let_go(self, task: int, who: str) -> None:
        key = self.key(task)
        self.stage.told(self.stage.call(who, "DELETE", f"/tasks/{key}/hold"), Answer())
        self.model.unhold(key, who)

    @rule(nth=NTH, is_paused=st.booleans())
    def paused_or_resumed(self, nth: int, is_paused: bool) -> None:
        name = self.agent(nth)
        body, method = ({"reason": "Wait"}, "PUT") if is_paused else (None, "DELETE")
        response = self.stage.call("Grace", method, f"/agents/{handle(name)}/pause", body)
        self.stage.told(response, Answer())
        self.model.agents[name].is_paused = is_paused

    @precondition(lambda self: self.model.runs)
    @rule(is_paused=st.booleans())
    def all_paused_or_resumed(self, is_paused: bool) -> None:
        body, method = ({"reason": "Stop"}, "PUT") if is_paused else (None, "DELETE")
        response = self.stage.call("Ada", method, "/agents/pause", body)
        self.stage.told(response, Answer(status=204))
        self.model.all_paused = is_paused

    @precondition(lambda self: self.leased())
    @rule(nth=NTH)
    def ran_out(self, nth: int) -> None:
        run = pick(self.leased(), nth)
        self.world.let_run_out(run, self.stage.people["Ada"])
        run.has_run_out = True

    @precondition(lambda self: self.model.due())
    @rule()
    def swept(self) -> None:
        self.world.sweep()
        self.model.sweep()

    @rule(nth=st.integers(0, 30), limit=LIMITS)
    def budget_set(self, nth: int, limit: Limit) -> None:
        self.limit(pick(self.model.accounts(), nth), limit)

    @precondition(lambda self: self.model.budgets)
    @rule(nth=NTH)
    def budget_removed(self, nth: int) -> None:
        account = pick(list(self.model.budgets), nth)
        self.stage.remove_budget(account)
        del self.model.budgets[account]

    @precondition(lambda self: self.model.over())
    @rule(nth=st.integers(0, 50), verb=st.sampled_from(list(WORDS)))
    def said_after_the_end(self, nth: int, verb: str) -> None:
        """With a fence that was good, in a run that is over or whose lease ran out."""
        run = pick(self.model.over()[::-1], nth)
        fence = None if run.is_person else run.fence
        response = self.stage.say(run, verb)
        self.stage.told(response, self.model.written(run, run.holder, fence))

    @precondition(lambda self: self.model.live())
    @rule(nth=NTH, verb=st.sampled_from(list(WORDS)), other=NTH, shift=st.sampled_from([-1, 1]))
    def said_by_others_or_with_another_fence(
        self, nth: int, verb: str, other: int, shift: int
    ) -> None:
        run = pick(self.model.live(), nth)
        path, body = f"/runs/{run.id}/{verb}", WORDS[verb]
        wrong = [(self.agent(other), run.fence), (run.holder, max(1, run.fence + shift))]
        wrong += [] if run.is_person else [(run.holder, None)]
        for who, fence in wrong:
            answer = self.model.written(run, who, fence)
            if answer.codes:
                self.stage.told(self.stage.call(who, "POST", path, body, fence), answer)

    @precondition(lambda self: self.ended_runs_of_agents())
    @rule(nth=st.integers(0, 50))
    def edited_under_a_superseded_fence(self, nth: int) -> None:
        run = pick(self.ended_runs_of_agents()[::-1], nth)
        hold = self.model.tasks[run.task].hold
        code = "task.fence_superseded"
        if hold and hold.holder != run.holder:
            code = "task.already_held"
        path, body = f"/tasks/{run.task}", {"title": "Written too late"}
        response = self.stage.call(run.holder, "PATCH", path, body, run.fence)
        self.stage.told(response, Answer(status=409, codes=(code,)))

    @invariant()
    def tasks_agree(self) -> None:
        finished = compare_tasks(self.stage, self.model, self.looks)
        assert self.finished <= finished, "What is finished stays so until a person reopens it."
        self.finished = finished

    @invariant()
    def runs_and_budgets_agree(self) -> None:
        compare_runs(self.stage, self.model)
        if self.model.budgets:
            compare_budgets(self.stage, self.model)

    @invariant()
    def next_agrees(self) -> None:
        """One agent after the other is told what it would be given."""
        name = self.agent(self.looks.steps)
        seen = self.stage.get("/agents/next", agent=handle(name))
        assert seen["task"] == self.model.first_for(name, self.model.agents[name].reserves)

    @invariant()
    def agents_agree(self) -> None:
        """Looked at where something about them is new: this is the slowest of the answers."""
        if self.looks.are_agents_due(self.model):
            compare_agents(self.stage, self.model)

    def claim(
        self,
        name: str,
        key: str | None,
        reserve: Amount | None,
        person: str | None,
        wait_s: float = 0,
    ) -> None:
        response = self.stage.claim(person or name, name, key, reserve, wait_s)
        answer = self.model.claim(name, key, reserve)
        task = self.model.tasks[answer.run.task] if answer.run else None
        self.stage.claimed(response, answer, task)

    def limit(self, account: Account, limit: Limit) -> None:
        self.stage.set_budget(account, limit)
        self.model.budgets[account] = limit

    def accepted(self, run: ModelRun, verb: str, body: object = None) -> dict[str, object]:
        return self.stage.told(self.stage.say(run, verb, body), Answer())

    def ended(self, response: object, run: ModelRun, answer: Answer) -> None:
        out = self.stage.told(response, answer)
        if not answer.codes:
            assert (out["state"], out["is_live"]) == (run.state, False)

    def free_agents(self) -> list[str]:
        return [name for name in self.model.agents if not self.model.is_busy(name)]

    def agent(self, nth: int) -> str:
        return pick(list(self.model.agents), nth)

    def key(self, nth: int) -> str:
        return pick(list(self.model.tasks), nth)

    def leased(self) -> list[ModelRun]:
        return [run for run in self.model.live() if not run.is_person]

    def ended_runs_of_agents(self) -> list[ModelRun]:
        return [run for run in self.model.over() if not run.is_person]


@pytest.fixture
def world(database_url: str, settings: Settings) -> Iterator[World]:
    world = World(database_url, settings)
    yield world
    world.close()


def test_claims_runs_and_budgets_live_as_the_model_says(world: World) -> None:
    bounded = bounds(
        max_examples=8,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )

    run_state_machine_as_test(lambda: ClaimLife(world), settings=bounded)
