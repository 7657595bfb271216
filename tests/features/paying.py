"""Budgets in tests: set, looked at, and drawn on by a piece of work."""

from typing import Any

from tests.cast import Person
from tests.features.running import Work


async def set_budget(by: Person, **budget: Any) -> Any:
    answer = await by.call("PUT", "/budgets", json=budget)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def the_budget(by: Person, scope: str = "workspace") -> Any:
    [found] = [one for one in (await by.get("/budgets"))["items"] if one["scope"] == scope]
    return found


async def reserved_and_spent(by: Person, scope: str = "workspace") -> tuple[int, int]:
    budget = await the_budget(by, scope)
    return budget["reserved_tokens"], budget["spent_tokens"]


async def claimed(agent: Person, task: str | None = None, **wish: Any) -> Any:
    return await agent.call("POST", "/agents/assign", json={"task": task, **wish})


async def subjects(work: Work) -> dict[str, dict[str, str]]:
    """What budgets of each scope are set for, all of them drawn on by this work."""
    return {
        "workspace": {},
        "project": {"project": "API"},
        "agent": {"agent": work.agent.id},
        "task": {"task": work.key},
    }
