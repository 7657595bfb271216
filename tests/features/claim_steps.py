"""Claims, runs and budgets over HTTP, one step at a time, and what is seen of them afterwards."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import httpx2 as httpx
from sqlalchemy import update

from nexus.entrypoints.http import Nexus
from nexus.features.runs.jobs import expire_all
from nexus.features.tasks.tables import TaskHoldRow
from nexus.platform.database import Database
from nexus.platform.database_url import understand_url
from nexus.platform.settings import Settings
from tests.cast import Cast, Person, enter
from tests.features.claim_model import (
    LANDINGS,
    Account,
    Amount,
    Answer,
    Limit,
    Model,
    ModelAgent,
    ModelRun,
    ModelTask,
)

T = TypeVar("T")

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
PROOF = {"kind": "link", "url": "https://ci.example/runs/7"}

WORDS: dict[str, Any] = {
    "heartbeats": {},
    "progress": {"note": "Half way", "progress": 50},
    "log": {"lines": [{"text": "ok"}]},
    "usage": {"tokens_in": 1},
    "questions": {"text": "Which one?"},
    "submission": {"summary": "It works.", "evidence": [PROOF]},
    "release": {},
    "failure": {"reason": "It is broken."},
}
"""All that the holder of a task says in a run, by where it says it."""


class World:
    """An event loop, a database and the application on it, for machines that are synchronous."""

    def __init__(self, url: str, settings: Settings) -> None:
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._database = Database(understand_url(url))
        self._app = Nexus(self._database, settings)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def enter(self) -> Cast:
        return self.run(enter(self._database, self._app))

    def sweep(self) -> None:
        self.run(expire_all(self._database))

    def let_run_out(self, run: ModelRun, by: Person) -> None:
        self.run(self._run_out(run, by))

    def close(self) -> None:
        self.run(self._database.close())
        self._runner.close()

    async def _run_out(self, run: ModelRun, by: Person) -> None:
        async with self._database.transaction(by.actor.workspace_id) as tx:
            await tx.execute(
                update(TaskHoldRow)
                .where(
                    TaskHoldRow.workspace_id == by.actor.workspace_id,
                    TaskHoldRow.assignment_id == UUID(run.id),
                )
                .values(expires_at=LONG_AGO)
            )


class Stage:
    """Everybody with their keys, in a workspace of their own; every step is one request."""

    def __init__(self, world: World) -> None:
        self.world = world
        cast = world.enter()
        self.people = {"Ada": cast.ada, "Grace": cast.grace}
        self.agents: dict[str, Person] = {}
        self.ids: dict[Account, str] = {}
        for key, landing in LANDINGS.items():
            world.run(cast.ada.a_project(key))
            path = f"/projects/{key}/policy"
            self.told(self.call("Ada", "PUT", path, {"landing": landing}), Answer())

    def call(
        self, who: str, method: str, path: str, body: Any = None, fence: int | None = None
    ) -> httpx.Response:
        person = self.people.get(who) or self.agents[who]
        headers = {} if fence is None else {"Nexus-Fence": str(fence)}
        options = {} if body is None else {"json": body}
        return self.world.run(person.call(method, path, headers=headers, **options))

    def told(self, response: httpx.Response, answer: Answer) -> Any:
        """What was answered, if it is as it should be."""
        assert response.status_code == answer.status, (answer, response.text)
        out = response.json() if response.content else {}
        if answer.codes:
            assert out["code"] in answer.codes, (answer, out)
        return out

    def get(self, path: str, **params: Any) -> Any:
        return self.world.run(self.people["Ada"].get(path, **params))

    def create(self, project: str, priority: str, dependencies: Iterable[str]) -> str:
        made = self.world.run(
            self.people["Ada"].a_task(project, priority=priority, dependencies=sorted(dependencies))
        )
        return made["key"]

    def register(self, agent: ModelAgent) -> None:
        ada = self.people["Ada"]
        body = {
            "name": agent.name,
            "max_tasks": agent.max_tasks,
            "reserve_tokens": agent.reserves.tokens,
            "reserve_cost": agent.reserves.dollars,
            "projects": agent.projects,
            "needs_review": agent.needs_review,
        }
        made = self.world.run(ada.post("/agents", body))
        key = self.world.run(ada.post(f"/agents/{made['id']}/keys", {"name": "test"}))
        self.agents[agent.name] = replace(ada, key=key["secret"])

    def claim(
        self, who: str, name: str, key: str | None, reserve: Amount | None, wait_s: float = 0
    ) -> httpx.Response:
        """Of an agent for itself, or of a person for the agent."""
        body: dict[str, Any] = {"task": key, "wait_s": wait_s, "lease_s": 3600}
        if who in self.people:
            body["agent"] = handle(name)
        if reserve is not None:
            body |= {"reserve_tokens": reserve.tokens, "reserve_cost": reserve.dollars}
        return self.call(who, "POST", "/agents/assign", body)

    def claimed(self, response: httpx.Response, answer: Answer, task: ModelTask | None) -> None:
        """A claim as it should be; the model learns id and fence of the run that came of it."""
        out = self.told(response, answer)
        run = answer.run
        if run is None or task is None:
            assert answer.codes or out["task"] is None, out["task"]["key"]
            return
        assert out["task"] is not None, (f"{run.task} was to be given", out)
        assert out["task"]["key"] == run.task
        assert out["task"]["status"] == "in_progress"
        assert out["task"]["hold"]["fence"] == out["fence"]
        assert out["expires_at"] is not None
        earlier = [one.state for one in reversed(task.runs[:-1])]
        assert [one["state"] for one in out["earlier"]] == earlier[:5]
        self.began(task, run, out["run_id"], out["fence"])

    def began(self, task: ModelTask, run: ModelRun, run_id: str, fence: int) -> None:
        """Every fence of a task is higher than those before."""
        assert all(fence > one.fence for one in task.runs[:-1])
        run.id, run.fence = run_id, fence

    def say(self, run: ModelRun, verb: str, body: Any = None) -> httpx.Response:
        """As its holder, who shows the fence where an agent must."""
        body = WORDS[verb] if body is None else body
        fence = None if run.is_person else run.fence
        return self.call(run.holder, "POST", f"/runs/{run.id}/{verb}", body, fence)

    def set_budget(self, account: Account, limit: Limit) -> None:
        scope, subject = account
        body: dict[str, Any] = {"tokens": limit.tokens, "cost": limit.dollars}
        if subject:
            body[scope] = handle(subject) if scope == "agent" else subject
        self.ids[account] = self.told(self.call("Ada", "PUT", "/budgets", body), Answer())["id"]

    def remove_budget(self, account: Account) -> None:
        response = self.call("Ada", "DELETE", f"/budgets/{self.ids.pop(account)}")
        self.told(response, Answer(status=204))


def pick(those: Sequence[T], nth: int) -> T:
    return those[nth % len(those)]


def handle(name: str) -> str:
    return name.casefold().replace(" ", "-")


class Looks:
    """What tasks and agents should have looked like when they were last looked at closely."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}
        self.seen_agents: Any = None
        self.steps = 0

    def are_agents_due(self, model: Model) -> bool:
        runs = [(run.state, run.used, run.has_run_out) for run in model.runs]
        now = (runs, [model.is_paused(name) for name in model.agents])
        is_new = now != self.seen_agents
        self.seen_agents = now
        return is_new

    def tasks_due(self, model: Model) -> list[str]:
        """Those that should have changed since then, and one of the others in turn."""
        self.steps += 1
        keys = list(model.tasks)
        now = {key: (task.status, task.hold) for key, task in model.tasks.items()}
        changed = {key for key in keys if self.seen.get(key) != now[key]}
        self.seen = now
        return sorted({*changed, keys[self.steps % len(keys)]})


def compare_tasks(stage: Stage, model: Model, looks: Looks) -> set[str]:
    """Every task has the status and the hold of the model; those that are finished."""
    seen = {one["key"]: one for one in stage.get("/tasks", limit=200)["items"]}
    assert seen.keys() == model.tasks.keys()
    for key, task in model.tasks.items():
        one = seen[key]
        assert (key, one["status"], one["title"]) == (key, task.status, "A task")
        assert one["open_dependencies"] == model.open_dependencies(key)
        if not task.is_finished:
            assert (one["unlock_depth"], one["unlock_count"]) == model.unlocks(key)
    for key in looks.tasks_due(model):
        one = stage.get(f"/tasks/{key}")
        assert (key, one["status"]) == (key, model.tasks[key].status)
        compare_hold(one["hold"], model.tasks[key].hold)
    return {key for key, one in seen.items() if one["status"] in {"done", "cancelled"}}


def compare_hold(hold: Any, run: ModelRun | None) -> None:
    assert (hold is None) == (run is None), (hold, run)
    if run is not None:
        assert (hold["run_id"], hold["fence"]) == (run.id, run.fence)
        assert hold["holder"]["name"] == run.holder
        assert (hold["expires_at"] is None) == run.is_person


def compare_runs(stage: Stage, model: Model) -> None:
    seen = {one["id"]: one for one in stage.get("/runs", limit=200)["items"]}
    assert seen.keys() == {run.id for run in model.runs}
    for run in model.runs:
        one = seen[run.id]
        assert (one["task"], one["state"], one["fence"]) == (run.task, run.state, run.fence)
        assert one["is_live"] == run.is_live, one
        assert one["holder"]["name"] == run.holder
        assert used(one["usage"]) == run.used
        assert Amount(one["reserved_tokens"], one["reserved_cost"]) == run.reserved
        assert (one["ended_at"] is None) == run.is_under_way
    live = Counter(one["task"] for one in seen.values() if one["is_live"])
    assert all(count == 1 for count in live.values()), live
    waits = [one["task"] for one in seen.values() if one["state"] == "submitted"]
    assert all(model.tasks[key].status == "in_review" for key in waits), waits


def compare_budgets(stage: Stage, model: Model) -> None:
    seen = {one["id"]: one for one in stage.get("/budgets", limit=200)["items"]}
    assert seen.keys() == set(stage.ids.values())
    for account, limit in model.budgets.items():
        one = seen[stage.ids[account]]
        assert one["scope"] == account[0]
        assert (one["tokens"], one["cost"]) == (limit.tokens, limit.dollars)
        spent = Amount(one["spent_tokens"], one["spent_cost"])
        assert (account, spent) == (account, model.spent_of(account))
        reserved = Amount(one["reserved_tokens"], one["reserved_cost"])
        assert (account, reserved) == (account, model.reserved_of(account))


def compare_agents(stage: Stage, model: Model) -> None:
    """What an agent works on, and totals that add up to all its runs."""
    seen = {one["name"]: one for one in stage.get("/agents", limit=200)["items"]}
    assert seen.keys() == model.agents.keys()
    for name, one in seen.items():
        runs = [run for run in model.runs if run.holder == name]
        under_way = {run.id for run in runs if run.is_under_way}
        assert {each["run_id"] for each in one["assignments"]} == under_way
        assert one["totals"]["runs"] == len(runs)
        assert one["totals"]["by_state"] == Counter(run.state for run in runs)
        total = Amount()
        for run in runs:
            total = total.plus(run.used)
        assert used(one["totals"]["usage"]) == total
        assert one["status"] in statuses_of(name, model)


def statuses_of(name: str, model: Model) -> set[str]:
    """An agent that never had a run may be away."""
    if model.is_paused(name):
        return {"paused"}
    if any(run.holder == name for run in model.live()):
        return {"working"}
    return {"idle"} if model.agents[name].has_run else {"idle", "offline"}


def used(usage: Any) -> Amount:
    return Amount(usage["tokens_in"] + usage["tokens_out"], usage["cost"])
