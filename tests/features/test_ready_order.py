"""The order in which to take ready tasks, and what is said of it."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, insert, text

from nexus.features.tasks.tables import TaskRow
from nexus.platform.database import Database
from nexus.platform.ids import new_id
from tests.cast import Cast, Person

WORDS = ["critical", "high", "medium", "low", "none"]


async def _next(person: Person, **params: Any) -> list[Any]:
    query = {"ready": True, "sort": "next", "explain": True} | params
    return (await person.get("/tasks", **query))["items"]


async def _wait(person: Person, on: str, *chain: str) -> None:
    for task, other in zip(chain, [on, *chain], strict=False):
        await person.post(f"/tasks/{task}/dependencies", {"depends_on": other})


async def _a_backlog(ada: Person) -> None:
    """In the order of their numbers, all but the last are ready for another reason."""
    await ada.a_project()
    for priority in ("critical", "high", "high", "high", "none", "none"):
        await ada.a_task(priority=priority)
    for _ in range(6):
        await ada.a_task()
    await _wait(ada, "API-2", "API-7", "API-8")
    await _wait(ada, "API-3", "API-9")
    await _wait(ada, "API-3", "API-10")
    await _wait(ada, "API-4", "API-11")
    await _wait(ada, "API-5", "API-12")


async def test_ready_tasks_are_taken_by_urgency_chain_number_and_age(ada: Person) -> None:
    await _a_backlog(ada)

    items = await _next(ada)

    assert [one["key"] for one in items] == [f"API-{n}" for n in range(1, 7)]
    assert [one["explanation"]["reason"] for one in items] == [
        (
            "Its priority is critical; nothing waits for it. "
            "It comes before API-2 because it is more urgent (critical, not high)."
        ),
        (
            "Its priority is high; 2 tasks wait for it, 2 of them in a row. "
            "It comes before API-3 because a longer chain waits for it (2, not 1)."
        ),
        (
            "Its priority is high; 2 tasks wait for it. "
            "It comes before API-4 because more tasks wait for it (2, not 1)."
        ),
        (
            "Its priority is high; one task waits for it. "
            "It comes before API-5 because it is more urgent (high, not none)."
        ),
        (
            "It has no priority; one task waits for it. "
            "It comes before API-6 because a longer chain waits for it (1, not 0)."
        ),
        "It has no priority; nothing waits for it.",
    ]


async def test_the_older_one_of_two_equals_comes_first(cast: Cast, database: Database) -> None:
    await cast.ada.a_project()
    keys = [(await cast.ada.a_task())["key"] for _ in range(3)]
    task_id = UUID((await cast.ada.get(f"/tasks/{keys[2]}"))["id"])
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    async with database.transaction(cast.ada.workspace_id) as tx:
        moved = TaskRow.__table__.update().where(TaskRow.id == task_id)
        await tx.execute(moved.values(created_at=long_ago))

    items = await _next(cast.ada)

    assert [one["key"] for one in items] == [keys[2], keys[0], keys[1]]
    first, second, _ = (one["explanation"]["reason"] for one in items)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert first.endswith(f"before API-1 because it is older (2026-01-01, not {today}).")
    assert second.endswith("before API-2 because it was created earlier.")


@pytest.mark.parametrize("seed", range(3))
async def test_every_reason_names_the_first_number_in_which_two_differ(
    ada: Person, seed: int
) -> None:
    chance = Random(seed)
    await ada.a_project()
    for _ in range(16):
        await ada.a_task(priority=chance.choice(WORDS[:3]))
    for _ in range(10):
        low, high = sorted(chance.sample(range(1, 17), 2))
        body = {"depends_on": f"API-{low}"}
        await ada.call("POST", f"/tasks/API-{high}/dependencies", json=body)

    items = await _next(ada)

    def merits(one: Any) -> list[Any]:
        why = one["explanation"]
        assert {name: why[name] for name in ("priority", "unlock_depth", "created_at")} == {
            name: one[name] for name in ("priority", "unlock_depth", "created_at")
        }
        urgency = WORDS.index(one["priority"])
        return [urgency, -one["unlock_depth"], -one["unlock_count"], one["created_at"]]

    words = ["more urgent", "a longer chain", "more tasks wait", "created earlier"]
    for one, following in pairwise(items):
        mine, theirs = merits(one), merits(following)
        differs = next(n for n in range(4) if mine[n] != theirs[n])
        assert mine < theirs
        assert words[differs] in one["explanation"]["reason"]
        assert f"before {following['key']} because" in one["explanation"]["reason"]
    assert len(items) > 4


async def test_nothing_is_explained_unless_it_is_asked_for(ada: Person) -> None:
    await _a_backlog(ada)

    assert {one["explanation"] for one in await _next(ada, explain=False)} == {None}


@pytest.mark.parametrize("sort", ["newest", "oldest", "due", "key", "rank", "updated"])
async def test_no_reason_is_given_for_an_order_that_goes_by_something_else(
    ada: Person, sort: str
) -> None:
    await _a_backlog(ada)
    await ada.patch("/tasks/API-6", {"priority": "critical"})

    answer = await ada.call("GET", "/tasks", params={"sort": sort, "explain": True, "ready": True})

    if answer.status_code == 200:
        reasons = [one["explanation"] for one in answer.json()["items"]]
        assert not any("because" in str(reason) for reason in reasons), reasons
    else:
        assert answer.status_code == 422


async def test_the_order_is_read_from_its_index(ada: Person, database: Database) -> None:
    await ada.a_project()
    task = await ada.a_task()
    await _fill(database, ada, UUID(task["id"]), 3000)
    seen: list[tuple[str, Any]] = []

    def see(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if "tasks.unlock_depth DESC" in statement:
            seen.append((statement, parameters))

    engines = [engine.sync_engine for engine in database.engines]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", see)
    try:
        await _next(ada)
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", see)

    [(statement, parameters)] = seen
    assert "ix_tasks_ready" in await _plan(database, statement, parameters)


async def _fill(database: Database, person: Person, task_id: UUID, count: int) -> None:
    """Many tasks like one, most of which are not ready; then let the database look at them."""
    async with database.transaction(person.workspace_id) as tx:
        found = await tx.execute(TaskRow.__table__.select().where(TaskRow.id == task_id))
        like = dict(found.mappings().one())
        rows = [
            like
            | {"id": new_id(), "number": n, "key": f"API-{n}", "priority": n % 5,
               "status": "done" if n % 10 else "todo",
               "created_at": like["created_at"] + timedelta(seconds=n)}
            for n in range(2, count)
        ]  # fmt: skip
        await tx.execute(insert(TaskRow), rows)
    async with database.system() as tx:
        await tx.execute(text("ANALYZE tasks"))


async def _plan(database: Database, statement: str, parameters: Any) -> str:
    explain = "EXPLAIN" if database.dialect == "postgresql" else "EXPLAIN QUERY PLAN"
    async with database.engines[0].connect() as connection:
        plan = await connection.exec_driver_sql(f"{explain} {statement}", parameters)
        return "\n".join(str(tuple(row)) for row in plan)
