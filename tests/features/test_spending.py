"""Budgets at work: what a claim sets aside, what usage draws, and what ends with them."""

import asyncio
import random
from typing import Any

import pytest

from tests.cast import Person
from tests.features.paying import claimed, reserved_and_spent, set_budget, subjects, the_budget
from tests.features.people import refusal
from tests.features.running import Work, a_claim, an_agent, some_work


@pytest.mark.parametrize("scope", ["workspace", "project", "agent", "task"])
async def test_a_claim_sets_aside_usage_draws_and_the_rest_returns(ada: Person, scope: str) -> None:
    await ada.a_project()
    task, agent = (await ada.a_task())["key"], await an_agent(ada, reserve_tokens=60)
    work = Work(agent=agent, claim={"task": {"key": task}})
    await set_budget(ada, **(await subjects(work))[scope], tokens=100, cost=1)
    seen = [await reserved_and_spent(ada, scope)]

    work = await a_claim(agent, task)
    seen.append(await reserved_and_spent(ada, scope))
    for tokens in (25, 45):
        used = await work.say("usage", {"tokens_in": tokens - 5, "tokens_out": 5, "cost": 0.25})
        assert not used["must_stop"]
        seen.append(await reserved_and_spent(ada, scope))
    await work.say("release", {})
    seen.append(await reserved_and_spent(ada, scope))

    assert seen == [(0, 0), (60, 0), (35, 25), (0, 70), (0, 70)]
    assert (await the_budget(ada, scope))["spent_cost"] == 0.5
    run = await work.run()
    assert (run["reserved_tokens"], run["usage"]["tokens_in"]) == (60, 60)


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("release", {}),
        ("failure", {"reason": "No."}),
        ("cancellation", {}),
        ("submission", {"summary": "Done.", "evidence": [{"kind": "commit", "sha": "abcdef0"}]}),
    ],
)
async def test_what_was_set_aside_returns_however_the_run_ends(
    ada: Person, what: str, body: Any
) -> None:
    await set_budget(ada, tokens=100)
    await ada.a_project()
    work = await a_claim(await an_agent(ada), (await ada.a_task())["key"], reserve_tokens=100)
    before = await reserved_and_spent(ada)

    await work.say(what, body)

    assert (before, await reserved_and_spent(ada)) == ((100, 0), (0, 0))


@pytest.mark.parametrize("named", [True, False])
async def test_what_an_expired_lease_had_set_aside_is_free(ada: Person, named: bool) -> None:
    await set_budget(ada, tokens=100)
    await ada.a_project()
    first, second = [(await ada.a_task())["key"] for _ in range(2)]
    await a_claim(await an_agent(ada), first, reserve_tokens=100, lease_s=1)
    await asyncio.sleep(1.1)
    other = await an_agent(ada, "Other")

    shown = await other.get("/agents/next")
    answer = await claimed(other, second if named else None, reserve_tokens=100)

    assert answer.status_code == 200, answer.text
    assert answer.json()["task"] is not None
    assert shown["task"] is not None


@pytest.mark.parametrize("scope", ["workspace", "project", "agent", "task"])
@pytest.mark.parametrize("limit", ["tokens", "cost"])
async def test_nobody_claims_what_cannot_be_paid_and_the_refusal_says_so(
    ada: Person, scope: str, limit: str
) -> None:
    await ada.a_project()
    task, agent = (await ada.a_task())["key"], await an_agent(ada)
    work = Work(agent=agent, claim={"task": {"key": task}})
    subject = (await subjects(work))[scope]
    name = (await set_budget(ada, **subject, **{limit: 100}))["name"]

    refused = await claimed(agent, task, **{f"reserve_{limit}": 101})
    looked = (await claimed(agent, **{f"reserve_{limit}": 101})).json()
    paid = await claimed(agent, task, **{f"reserve_{limit}": 100})

    assert refusal(refused) == (409, "budget.exhausted")
    for word in (task, name, "101"):
        assert word in refused.json()["detail"]
    assert looked["task"] is None
    assert paid.status_code == 200
    assert (await ada.get("/runs"))["items"][0]["id"] == paid.json()["run_id"]
    assert len((await ada.get("/runs"))["items"]) == 1


async def test_next_passes_over_what_cannot_be_paid_and_says_why(ada: Person) -> None:
    await ada.a_project()
    urgent = (await ada.a_task(priority="critical"))["key"]
    later = (await ada.a_task())["key"]
    await set_budget(ada, task=urgent, tokens=10)
    agent = await an_agent(ada, reserve_tokens=11)

    shown = await agent.get("/agents/next", task=urgent)
    claim = (await a_claim(agent)).claim

    assert shown["task"] == claim["task"]["key"] == later
    for passed in (shown["passed_over"], claim["passed_over"]):
        [one] = passed
        assert one["task"] == urgent
        assert f"token budget of {urgent}" in one["reason"]
    assert any(f"token budget of {urgent}" in reason for reason in shown["why_not"])


async def test_a_budget_that_is_used_up_to_the_last_pays_for_nothing_more(ada: Person) -> None:
    await set_budget(ada, tokens=100)
    work = await some_work(ada)

    used = await work.say("usage", {"tokens_in": 100})
    await work.say("release", {})
    refused = await claimed(work.agent, work.key)
    await set_budget(ada, tokens=101)

    assert not used["must_stop"]
    assert refusal(refused) == (409, "budget.exhausted")
    assert (await claimed(work.agent, work.key)).status_code == 200


@pytest.mark.parametrize("scope", ["workspace", "project", "agent", "task"])
@pytest.mark.parametrize("limit", ["tokens", "cost"])
async def test_over_the_limit_the_lease_ends_with_a_reason_and_the_task_is_free(
    ada: Person, scope: str, limit: str
) -> None:
    work = await some_work(ada)
    budget = await set_budget(ada, **(await subjects(work))[scope], **{limit: 100})
    usage = {"tokens_in": 60} if limit == "tokens" else {"cost": 60}

    within = await work.say("usage", usage)
    beyond = await work.say("usage", usage)

    assert (within["must_stop"], beyond["must_stop"]) == (False, True)
    assert budget["name"] in beyond["stop_reason"]
    run, task = await work.run(), await work.task()
    assert (run["state"], run["reason"]) == ("cancelled", beyond["stop_reason"])
    assert run["usage"] == beyond["usage"]
    assert (task["status"], task["hold"]) == ("todo", None)
    assert await work.refused("heartbeats", {}) == (409, "run.over")
    field = await work.agent.call(
        "PATCH", f"/tasks/{work.key}", json={"title": "Late"}, headers=work.fence
    )
    assert refusal(field) == (409, "task.fence_superseded")
    spent = await the_budget(ada, scope)
    assert spent["spent_tokens" if limit == "tokens" else "spent_cost"] == 120
    names = [event["name"] for event in (await ada.events())[-4:]]
    assert names == ["run.used", "budget.exceeded", "run.cancelled", "task.status_changed"]


async def two_at_work(ada: Person, **reserved: int) -> list[Work]:
    """Two agents, Robo and Other, who have set aside so much of 100 tokens."""
    await set_budget(ada, tokens=100)
    await ada.a_project()
    works: list[Work] = []
    for name, tokens in reserved.items():
        task = (await ada.a_task())["key"]
        works.append(await a_claim(await an_agent(ada, name), task, reserve_tokens=tokens))
    return works


async def test_what_others_have_set_aside_cannot_be_eaten(ada: Person) -> None:
    greedy, modest = await two_at_work(ada, Robo=30, Other=60)

    within = await greedy.say("usage", {"tokens_in": 40})
    beyond = await greedy.say("usage", {"tokens_in": 1})
    promised = await modest.say("usage", {"tokens_out": 59})

    assert (within["must_stop"], beyond["must_stop"]) == (False, True)
    assert (await greedy.run())["state"] == "cancelled"
    assert not promised["must_stop"]
    assert (await modest.run())["state"] == "working"
    assert await reserved_and_spent(ada) == (1, 100)


@pytest.mark.parametrize(("kind", "other"), [("tokens", "cost"), ("cost", "tokens")])
async def test_what_others_set_aside_of_one_kind_is_not_in_the_way_of_the_other(
    ada: Person, kind: str, other: str
) -> None:
    """Who keeps within their tokens and goes beyond their money eats nobody's tokens."""
    await set_budget(ada, tokens=100, cost=100)
    await ada.a_project()
    own = {f"reserve_{kind}": 50, f"reserve_{other}": 10}
    keeps = await a_claim(await an_agent(ada, "Robo"), (await ada.a_task())["key"], **own)
    await a_claim(
        await an_agent(ada, "Other"), (await ada.a_task())["key"], **{f"reserve_{kind}": 50}
    )

    fields = {"tokens": "tokens_in", "cost": "cost"}
    within = await keeps.say("usage", {fields[kind]: 50, fields[other]: 100})
    beyond = await keeps.say("usage", {fields[kind]: 1})

    assert (within["must_stop"], beyond["must_stop"]) == (False, True)
    assert (await keeps.run())["state"] == "cancelled"


async def test_what_is_eaten_at_once_is_noticed_as_well(ada: Person) -> None:
    greedy, modest = await two_at_work(ada, Robo=30, Other=60)

    told = await asyncio.gather(*(greedy.call("usage", {"tokens_in": 20}) for _ in range(4)))

    assert [one.json()["must_stop"] for one in told if one.status_code == 200].count(True) == 1
    assert (await greedy.run())["state"] == "cancelled"
    _, spent = await reserved_and_spent(ada)
    assert spent == (await greedy.run())["usage"]["tokens_in"] == 60
    assert (await modest.run())["state"] == "working"


@pytest.mark.parametrize("named", [True, False])
async def test_claims_at_once_never_set_aside_more_than_there_is(ada: Person, named: bool) -> None:
    await set_budget(ada, tokens=100)
    await ada.a_project()
    agents = [await an_agent(ada, f"Robo {number}") for number in range(16)]
    tasks = [(await ada.a_task())["key"] for _ in agents]
    wishes = [task if named else None for task in tasks]

    answers = await asyncio.gather(
        *(claimed(who, task, reserve_tokens=30) for who, task in zip(agents, wishes, strict=True))
    )

    paid = [one for one in answers if one.status_code == 200 and one.json()["task"]]
    refused = [one for one in answers if one not in paid]
    assert len(paid) == 3
    assert await reserved_and_spent(ada) == (90, 0)
    assert len({one.json()["task"]["key"] for one in paid}) == 3
    for one in refused:
        if named:
            assert refusal(one) == (409, "budget.exhausted")
        else:
            assert one.json()["task"] is None


async def test_whatever_happens_at_once_no_more_than_the_budget_is_promised(ada: Person) -> None:
    await set_budget(ada, tokens=200)
    await ada.a_project()
    agents = [await an_agent(ada, f"Robo {number}") for number in range(8)]
    for _ in range(20):
        await ada.a_task()

    async def live(agent: Person, chance: random.Random) -> None:
        for _ in range(4):
            answer = await claimed(agent, reserve_tokens=50)
            assert answer.status_code == 200, answer.text
            if not answer.json()["task"]:
                continue
            work = Work(agent=agent, claim=answer.json())
            reserved, spent = await reserved_and_spent(ada)
            assert reserved + spent <= 200
            used = await work.say("usage", {"tokens_in": chance.randrange(10)})
            assert not used["must_stop"], used
            await work.say("release", {})

    chance = random.Random(20261121)
    await asyncio.gather(*(live(agent, random.Random(chance.random())) for agent in agents))

    runs = (await ada.get("/runs", limit=200))["items"]
    assert await reserved_and_spent(ada) == (0, sum(run["usage"]["tokens_in"] for run in runs))
