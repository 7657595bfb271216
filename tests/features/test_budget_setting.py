"""Budgets over HTTP: who sets them, of what, for how long, and who sees them."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import insert

from nexus.features.budgets.tables import SpendingRow
from nexus.platform.clock import now
from nexus.platform.database import Database
from tests.cast import Cast, Person
from tests.features.paying import reserved_and_spent, set_budget, subjects, the_budget
from tests.features.people import refusal
from tests.features.running import an_agent, some_work


async def test_a_budget_is_set_changed_listed_and_removed(cast: Cast) -> None:
    work = await some_work(cast.ada)
    month = f"{now():%Y-%m}"

    for scope, subject in (await subjects(work)).items():
        new = await set_budget(cast.ada, **subject, tokens=1000)
        same = await set_budget(cast.ada, **subject, tokens=1000)
        changed = await set_budget(cast.ada, **subject, tokens=None, cost=2.5)

        assert same == new
        assert (new["scope"], new["tokens"], new["cost"]) == (scope, 1000, None)
        assert (changed["tokens"], changed["cost"]) == (None, 2.5)
        assert (new["id"], new["version"] + 1) == (changed["id"], changed["version"])
        assert new["period"] == (None if scope == "task" else month)
        assert changed == await the_budget(cast.vic, scope)

    page = await cast.vic.get("/budgets", limit=3)
    rest = await cast.vic.get("/budgets", limit=3, cursor=page["next_cursor"])
    budgets = page["items"] + rest["items"]
    assert [one["scope"] for one in budgets] == ["agent", "project", "task", "workspace"]
    assert [one["name"] for one in budgets] == ["Robo", "API", work.key, "the workspace"]
    for one in budgets:
        await cast.ada.delete(f"/budgets/{one['id']}")
        assert (await cast.ada.call("DELETE", f"/budgets/{one['id']}")).status_code == 404
    assert (await cast.ada.get("/budgets"))["items"] == []
    events = await cast.ada.events(name="budget.*")
    assert [event["name"] for event in events] == ["budget.changed"] * 8 + ["budget.removed"] * 4


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "budget.without_limit"),
        ({"tokens": 1, "project": "API", "agent": "robo"}, "budget.subject"),
        ({"tokens": 1, "task": "API-1", "agent": "robo"}, "budget.subject"),
        ({"tokens": -1}, None),
        ({"cost": -0.01}, None),
        ({"tokens": 1, "task": "API-99"}, "task.not_found"),
        ({"tokens": 1, "agent": "nobody"}, "agent.not_found"),
        ({"tokens": 1, "project": "NONE"}, "project.not_found"),
    ],
)
async def test_a_budget_limits_one_thing(ada: Person, body: Any, code: str | None) -> None:
    await some_work(ada)

    refused = await ada.call("PUT", "/budgets", json=body)

    assert refused.status_code in {400, 404, 422}
    assert code in {None, refused.json()["code"]}
    assert (await ada.get("/budgets"))["items"] == []


async def test_admins_set_budgets_and_nobody_else(cast: Cast) -> None:
    robo = await an_agent(cast.ada)
    mine = await set_budget(cast.ada, tokens=1)

    for who in (cast.grace, cast.vic, robo):
        for method, path in (("PUT", "/budgets"), ("DELETE", f"/budgets/{mine['id']}")):
            body = {"tokens": 2} if method == "PUT" else None
            refused = await who.call(method, path, json=body)
            assert refusal(refused) == (403, "permission.missing")
    foreign = await cast.bob.call("DELETE", f"/budgets/{mine['id']}")
    assert refusal(foreign) == (404, "budget.not_found")
    assert (await cast.bob.get("/budgets"))["items"] == []
    assert await the_budget(cast.grace) == mine


async def test_a_budget_that_somebody_else_changed_is_not_overwritten(ada: Person) -> None:
    first = await set_budget(ada, tokens=1)
    await set_budget(ada, tokens=2)

    stale = await ada.call(
        "PUT", "/budgets", json={"tokens": 3}, headers={"If-Match": f'"{first["version"]}"'}
    )

    assert stale.status_code == 412
    assert (await the_budget(ada))["tokens"] == 2


async def test_budgets_that_are_set_at_once_become_one(ada: Person) -> None:
    await ada.a_project()
    tasks = [(await ada.a_task())["key"] for _ in range(5)]

    for task in tasks:
        answers = await asyncio.gather(
            *(ada.call("PUT", "/budgets", json={"task": task, "tokens": n}) for n in range(8))
        )

        assert {one.status_code for one in answers} <= {200, 409}
    budgets = (await ada.get("/budgets"))["items"]
    assert sorted(one["name"] for one in budgets) == tasks
    assert all(one["tokens"] in range(8) for one in budgets)


async def test_what_was_spent_before_there_was_a_budget_counts(ada: Person) -> None:
    work = await some_work(ada)
    await work.say("usage", {"tokens_in": 70, "cost": 0.7})

    for scope, subject in (await subjects(work)).items():
        await set_budget(ada, **subject, tokens=100)
        assert await reserved_and_spent(ada, scope) == (0, 70)
    [budget] = [await the_budget(ada, "task")]
    await ada.delete(f"/budgets/{budget['id']}")
    again = await set_budget(ada, task=work.key, tokens=60)

    assert (again["spent_tokens"], again["spent_cost"]) == (70, 0.7)
    assert (await work.say("usage", {"tokens_in": 1}))["must_stop"]


async def test_each_month_begins_anew_but_for_tasks(database: Database, ada: Person) -> None:
    work = await some_work(ada)
    whole = {
        scope: await set_budget(ada, **of, tokens=100)
        for scope, of in (await subjects(work)).items()
    }
    rows = [
        {
            "account": f"{scope}:{one['subject_id']}" if one["subject_id"] else scope,
            "period": "" if scope == "task" else "2001-01",
        }
        for scope, one in whole.items()
    ]

    async with database.transaction(ada.workspace_id) as tx:
        spent = {"workspace_id": ada.workspace_id, "tokens": 100, "cost_micros": 0}
        await tx.execute(insert(SpendingRow), [row | spent for row in rows])

    assert {scope: (await the_budget(ada, scope))["spent_tokens"] for scope in whole} == {
        "workspace": 0,
        "project": 0,
        "agent": 0,
        "task": 100,
    }


async def test_the_budgets_of_private_projects_and_their_tasks_are_hidden(cast: Cast) -> None:
    await cast.ada.a_project("SEC", visibility="private")
    task = (await cast.ada.a_task("SEC", "The hidden treasure"))["key"]
    start = (await cast.ada.last_event())["seq"]
    hidden = [
        await set_budget(cast.ada, project="SEC", tokens=100),
        await set_budget(cast.ada, task=task, tokens=100),
    ]
    await set_budget(cast.ada, tokens=100)

    seen = (await cast.grace.get("/budgets"))["items"]
    for one in hidden:
        await cast.ada.delete(f"/budgets/{one['id']}")
    told = await cast.grace.events(after=start)

    assert [one["scope"] for one in seen] == ["workspace"]
    assert [event["name"] for event in told] == ["budget.changed"]
    assert not any(one["id"] in str(told) for one in hidden)
    assert len(await cast.ada.events(after=start)) == 5


async def test_a_budget_goes_where_its_task_goes(cast: Cast) -> None:
    await cast.ada.a_project()
    task = (await cast.ada.a_task())["key"]
    await set_budget(cast.ada, task=task, tokens=100)
    await cast.ada.a_project("SEC", visibility="private")

    await cast.ada.patch(f"/tasks/{task}/project", {"project": "SEC"})

    assert (await the_budget(cast.ada, "task"))["name"] == "SEC-1"
    assert (await cast.grace.get("/budgets"))["items"] == []
