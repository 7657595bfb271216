"""Complexity over HTTP: estimated in the write itself, explained, and learned from what is done."""

import asyncio
from datetime import timedelta
from operator import itemgetter
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text, update

from nexus.features.estimates.tables import ComplexityModelRow
from nexus.features.tasks.jobs import calibrate_workspace, score_all
from nexus.features.tasks.tables import AssignmentRow, TaskRow
from nexus.features.tasks.wiring import complexity_service
from nexus.platform.clock import now
from nexus.platform.database import Database
from tests.cast import Cast, Person
from tests.features.agency import Robot, an_agent
from tests.features.importing import bring_in

LONG = "Move the sessions to a distributed protocol and migrate what is there. " * 12


async def complexity(person: Person, task: Any) -> Any:
    return await person.get(f"/tasks/{task['key']}/complexity")


async def a_done_task(
    ada: Person, robo: Robot, database: Database, *, minutes: int, tokens: int = 0, **fields: Any
) -> Any:
    task = await ada.a_task(**fields)
    claim = await robo.claim(task["key"])
    if tokens:
        usage = {"tokens_in": tokens, "model": "some"}
        await robo.write("POST", f"/runs/{claim['run_id']}/usage", usage, fence=claim["fence"])
    body = {"summary": "Done."}
    path = f"/runs/{claim['run_id']}/submission"
    answer = await robo.write("POST", path, body, fence=claim["fence"])
    assert answer.status_code == 200, answer.text
    async with database.system() as tx:
        run = AssignmentRow.id == UUID(claim["run_id"])
        ended_at = now()
        claimed_at = ended_at - timedelta(minutes=minutes)
        await tx.execute(
            update(AssignmentRow).where(run).values(claimed_at=claimed_at, ended_at=ended_at)
        )
    return task


async def some_history(ada: Person, database: Database, size: int = 14) -> Robot:
    """Tasks with the label `slow` take five hours, those with `fast` ten minutes."""
    await ada.a_project()
    policy = {"landing": "done", "acceptors": "anyone", "evidence": []}
    await ada.call("PUT", "/projects/API/policy", json=policy)
    robo = await an_agent(ada, "Robo", max_tasks=100)
    for number in range(size):
        slow = number % 2 == 0
        await a_done_task(
            ada, robo, database, title=f"Old {number}", labels=["slow" if slow else "fast"],
            minutes=300 if slow else 10, tokens=600_000 if slow else 20_000,
        )  # fmt: skip
    return robo


async def test_a_task_is_estimated_as_it_is_written(ada: Person) -> None:
    await ada.a_project()

    small = await ada.a_task(title="Fix a typo")
    large = await ada.a_task(title="Sessions", description=LONG, acceptance=["One", "Two"])

    assert (small["complexity_auto"], small["complexity"]) == (1, 1)
    assert large["complexity_auto"] >= 6
    assert large["complexity_manual"] is None
    listed = {one["key"]: one["complexity"] for one in (await ada.get("/tasks"))["items"]}
    assert listed == {one["key"]: one["complexity_auto"] for one in (small, large)}


@pytest.mark.parametrize(
    "change",
    [{"description": LONG}, {"acceptance": [{"text": "One"}] * 8}, {"footprint": ["src/**"] * 3}],
)
async def test_it_is_estimated_anew_when_what_it_says_changes(ada: Person, change: Any) -> None:
    await ada.a_project()
    task = await ada.a_task(title="Sessions")

    larger = await ada.patch(f"/tasks/{task['key']}", change)
    body = {"items": [{"task": task["key"], "version": larger["version"], "title": "Fix a typo"}]}
    await ada.patch("/tasks", body)

    assert larger["complexity_auto"] > task["complexity_auto"]
    renamed = await ada.get(f"/tasks/{task['key']}")
    assert renamed["complexity_auto"] < larger["complexity_auto"]
    event = (await ada.events(name="task.updated"))[0]
    assert event["payload"]["changes"].keys() == change.keys()


async def test_what_it_waits_for_counts(ada: Person) -> None:
    await ada.a_project()
    needed = [await ada.a_task() for _ in range(6)]
    task = await ada.a_task(title="Sessions")

    for one in needed:
        await ada.post(f"/tasks/{task['key']}/dependencies", {"depends_on": one["key"]})
    more = await ada.get(f"/tasks/{task['key']}")
    for one in needed:
        await ada.delete(f"/tasks/{task['key']}/dependencies/{one['key']}", 200)

    assert more["complexity_auto"] == task["complexity_auto"] + 1
    assert (await ada.get(f"/tasks/{task['key']}"))["complexity_auto"] == task["complexity_auto"]


async def test_the_manual_complexity_wins_and_is_never_overwritten(
    ada: Person, database: Database
) -> None:
    await some_history(ada, database)
    task = await ada.a_task(title="Fix a typo", complexity_manual=2, labels=["slow"])

    await ada.patch(f"/tasks/{task['key']}", {"description": LONG})
    await calibrate_workspace(database, ada.actor.workspace_id)

    found = await ada.get(f"/tasks/{task['key']}")
    explained = await complexity(ada, task)
    assert (found["complexity"], found["complexity_manual"]) == (2, 2)
    assert found["complexity_auto"] != 2
    assert (explained["complexity"], explained["estimate"]) == (2, found["complexity_auto"])


async def test_an_explanation_adds_up(ada: Person) -> None:
    await ada.a_project()
    task = await ada.a_task(title="Sessions", description=LONG, acceptance=["One", "Two"])

    found = await complexity(ada, task)

    assert found["estimate"] == task["complexity_auto"]
    assert sum(one["points"] for one in found["factors"]) == pytest.approx(
        found["points"], abs=0.01
    )
    assert {one["name"] for one in found["factors"]} == {
        "base", "words", "acceptance", "hard_words"
    }  # fmt: skip
    assert (found["error"], found["samples"], found["expected"], found["similar"]) == (
        None, 0, None, [],
    )  # fmt: skip


async def test_the_model_learns_from_what_tasks_took(ada: Person, database: Database) -> None:
    await some_history(ada, database)
    slow = await ada.a_task(title="Next", labels=["slow"])
    fast = await ada.a_task(title="Next", labels=["fast"])

    learned = await calibrate_workspace(database, ada.actor.workspace_id)

    model = await ada.get("/complexity")
    calibration = model["calibration"]
    weights = {one["name"]: one["weight"] for one in model["weights"]}
    after = {key: await ada.get(f"/tasks/{key}") for key in (slow["key"], fast["key"])}
    assert learned is True
    assert calibration["samples"] == 14
    assert calibration["error"] < calibration["naive_error"]
    assert calibration["error"] < calibration["prior_error"]
    assert weights["label:slow"] > weights.get("label:fast", 0)
    assert after[slow["key"]]["complexity_auto"] > after[fast["key"]]["complexity_auto"]
    assert after[slow["key"]]["version"] == slow["version"]
    explained = await complexity(ada, slow)
    assert {one["title"] for one in explained["similar"]} <= {f"Old {n}" for n in range(0, 14, 2)}
    assert explained["similar"][0]["seconds"] == 18_000
    assert explained["similar"][0]["tokens"] == 600_000
    assert explained["expected"]["seconds"] == 18_000
    assert (await ada.last_event())["payload"]["samples"] == 14


async def test_the_time_in_review_is_not_the_time_of_the_work(
    ada: Person, database: Database
) -> None:
    await ada.a_project()
    await ada.call("PUT", "/projects/API/policy", json={"evidence": []})
    robo = await an_agent(ada, "Robo", max_tasks=20)
    for number in range(12):
        task = await a_done_task(ada, robo, database, minutes=10, title=f"Old {number}")
        run = (await ada.get("/runs", task=task["key"]))["items"][0]
        async with database.system() as tx:
            days_ago = now() - timedelta(days=3)
            moved = {"claimed_at": days_ago - timedelta(minutes=10), "ended_at": days_ago}
            mine = AssignmentRow.id == UUID(run["id"])
            await tx.execute(update(AssignmentRow).where(mine).values(moved))
        accepted = await ada.call("POST", f"/runs/{run['id']}/acceptance", json={})
        assert accepted.status_code == 200, accepted.text

    await calibrate_workspace(database, ada.actor.workspace_id)

    assert (await ada.get("/complexity"))["calibration"]["took"][0]["seconds"] == 600


async def test_a_calibration_that_was_cut_off_goes_on(ada: Person, database: Database) -> None:
    await some_history(ada, database)
    slow = await ada.a_task(title="Next", labels=["slow"])
    workspace_id = ada.actor.workspace_id
    async with database.transaction(workspace_id) as tx:
        await complexity_service(tx).take_in()
    learned = await calibrate_workspace(database, workspace_id)
    async with database.system() as tx:  # as if nothing had been applied yet
        of = ComplexityModelRow.workspace_id == workspace_id
        await tx.execute(update(ComplexityModelRow).where(of).values(applied_at=None))
        mine = TaskRow.id == UUID(slow["id"])
        await tx.execute(update(TaskRow).where(mine).values(complexity_auto=1))

    again = await calibrate_workspace(database, workspace_id)

    after = await ada.get(f"/tasks/{slow['key']}")
    assert (learned, again) == (True, False)
    assert after["complexity_auto"] == (await complexity(ada, slow))["estimate"] > 1


async def test_a_time_in_the_future_does_not_end_learning(ada: Person, database: Database) -> None:
    await some_history(ada, database, 12)
    async with database.system() as tx:
        late = {"finished_at": now() + timedelta(days=365)}
        done = (await ada.get("/tasks", q="Old 0"))["items"][0]
        mine = TaskRow.id == UUID(done["id"])
        await tx.execute(update(TaskRow).where(mine).values(late))
    first = await calibrate_workspace(database, ada.actor.workspace_id)
    robo = await an_agent(ada, "Other", max_tasks=20)
    await a_done_task(ada, robo, database, minutes=10, title="Old too")

    second = await calibrate_workspace(database, ada.actor.workspace_id)

    assert (first, second) == (False, True)
    assert (await ada.get("/complexity"))["calibration"]["samples"] == 12


async def test_several_calibrations_at_once_are_one(ada: Person, database: Database) -> None:
    await some_history(ada, database)

    await asyncio.gather(*(calibrate_workspace(database, ada.actor.workspace_id) for _ in range(3)))

    assert (await ada.get("/complexity"))["calibration"]["samples"] == 14


@pytest.mark.parametrize("how", ["renamed", "removed"])
async def test_a_label_that_counts_no_longer_is_taken_out_of_estimates(
    ada: Person, database: Database, how: str
) -> None:
    await some_history(ada, database)
    slow = await ada.a_task(title="Next", labels=["slow"])
    await calibrate_workspace(database, ada.actor.workspace_id)
    before = await ada.get(f"/tasks/{slow['key']}")
    label = next(one for one in (await ada.get("/labels"))["items"] if one["name"] == "slow")

    if how == "renamed":
        await ada.patch(f"/labels/{label['id']}", {"name": "other"})
    else:
        await ada.delete(f"/labels/{label['id']}")
    await score_all(database)

    after = await ada.get(f"/tasks/{slow['key']}")
    assert after["complexity_auto"] < before["complexity_auto"]
    assert after["complexity_auto"] == (await complexity(ada, slow))["estimate"]


async def test_nothing_is_learned_twice(ada: Person, database: Database) -> None:
    await some_history(ada, database)
    first = await calibrate_workspace(database, ada.actor.workspace_id)
    events = len(await ada.events(name="complexity.calibrated"))

    second = await calibrate_workspace(database, ada.actor.workspace_id)

    assert (first, second) == (True, False)
    assert len(await ada.events(name="complexity.calibrated")) == events == 1


async def test_a_task_that_was_done_again_counts_once(ada: Person, database: Database) -> None:
    robo = await some_history(ada, database)
    await calibrate_workspace(database, ada.actor.workspace_id)
    done = (await ada.get("/tasks", q="Old 3"))["items"][0]
    await ada.patch(f"/tasks/{done['key']}/status", {"status": "todo"})
    claim = await robo.claim(done["key"])
    path = f"/runs/{claim['run_id']}/submission"
    await robo.write("POST", path, {"summary": "Again."}, fence=claim["fence"])

    await calibrate_workspace(database, ada.actor.workspace_id)

    assert (await ada.get("/complexity"))["calibration"]["samples"] == 14
    similar = (await complexity(ada, await ada.a_task(labels=["fast"])))["similar"]
    assert all(one["attempts"] == 2 for one in similar if one["task"] == done["key"])


async def test_tasks_that_came_without_a_score_are_estimated_by_the_sweep(
    ada: Person, database: Database
) -> None:
    tasks = [
        {"id": 1, "title": "Fix a typo"},
        {"id": 2, "title": "Known", "complexity": 7},
        {"id": 3, "title": "Sessions", "description": LONG, "dependencies": [1]},
    ]
    await bring_in(ada, database, {"tasks": tasks})
    before = sorted((await ada.get("/tasks"))["items"], key=itemgetter("key"))

    await score_all(database)

    after = sorted((await ada.get("/tasks"))["items"], key=itemgetter("key"))
    assert [one["complexity"] for one in before] == [None, 7, None]
    assert [one["complexity"] for one in after][:2] == [1, 7]
    assert after[2]["complexity"] >= 6
    assert [one["version"] for one in after] == [one["version"] for one in before]


async def test_what_others_may_not_see_is_no_example(cast: Cast, database: Database) -> None:
    robo = await some_history(cast.ada, database)
    await calibrate_workspace(database, cast.ada.actor.workspace_id)
    await cast.ada.a_project("WEB")
    task = await cast.ada.a_task("WEB", labels=["slow"])
    hidden = await cast.ada.patch("/projects/API", {"visibility": "private"})

    seen = await complexity(cast.ada, task)
    unseen = await complexity(cast.grace, task)

    assert hidden["visibility"] == "private"
    assert (len(seen["similar"]), unseen["similar"]) == (5, [])
    assert unseen["samples"] == 14
    assert robo.actor.name == "Robo"


async def test_finished_tasks_that_nobody_held_count_from_their_start(
    ada: Person, database: Database
) -> None:
    await ada.a_project()
    for number in range(12):
        task = await ada.a_task(title=f"Old {number}")
        await ada.patch(f"/tasks/{task['key']}/status", {"status": "in_progress"})
        await ada.finish(task["key"])
    never_begun = await ada.a_task(title="Never begun")
    await ada.finish(never_begun["key"])
    async with database.transaction(ada.actor.workspace_id) as tx:
        began = now() - timedelta(hours=2)
        mine = TaskRow.workspace_id == ada.actor.workspace_id
        await tx.execute(
            update(TaskRow).where(mine, TaskRow.started_at.is_not(None)).values(started_at=began)
        )

    await calibrate_workspace(database, ada.actor.workspace_id)

    calibration = (await ada.get("/complexity"))["calibration"]
    assert calibration["samples"] == 12
    assert 7190 < calibration["took"][0]["seconds"] < 7300


async def test_the_sweep_asks_an_index_for_what_has_no_score(database: Database) -> None:
    wanted = "SELECT workspace_id, id FROM tasks WHERE complexity_auto IS NULL"
    async with database.system() as tx:
        if database.dialect == "postgresql":
            await tx.execute(text("SET LOCAL enable_seqscan = off"))
            found = await tx.execute(text("EXPLAIN " + wanted))
        else:
            found = await tx.execute(text("EXPLAIN QUERY PLAN " + wanted))
        plan = " ".join(str(tuple(row)) for row in found)

    assert "ix_tasks_unscored" in plan
