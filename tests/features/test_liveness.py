"""Liveness: every open task can go on, or is named with what mends it."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from nexus.features.tasks.graph import Unlocks
from nexus.features.tasks.jobs import recount_workspace, repair_workspace
from nexus.features.tasks.wiring import liveness_service
from nexus.platform.database import Database
from tests.cast import Cast, Person
from tests.features.agency import an_agent, expire


async def liveness(person: Person) -> Any:
    return await person.get("/liveness")


async def wrong(person: Person) -> set[tuple[str, str]]:
    return {(one["task"], one["kind"]) for one in (await liveness(person))["violations"]}


async def sql(database: Database, statement: str, **values: Any) -> None:
    async with database.system() as tx:
        await tx.execute(text(statement), values)


def an_id(database: Database, value: str) -> Any:
    return UUID(value) if database.dialect == "postgresql" else UUID(value).hex


async def test_every_open_task_stands_somewhere(ada: Person) -> None:
    await ada.a_project()
    robo = await an_agent(ada, "Robo")
    held = await ada.a_task(title="held", priority="critical")
    waits = await ada.a_task(title="waits", dependencies=[held["key"]])
    await ada.a_task(title="ready")
    await ada.a_task(title="later", status="backlog")
    finished = await ada.a_task(title="finished")
    await ada.finish(finished["key"])

    await robo.post("/agents/assign", {}, status=200)

    found = await liveness(ada)
    assert waits["open_dependencies"] == 1
    assert found["violations"] == []
    assert found["is_live"] is True
    assert {name: found[name] for name in ("ready", "held")} == {"ready": 1, "held": 1}
    assert (found["waits_for_task"], found["waits_for_person"]) == (1, 1)


async def test_a_lease_that_ran_out_is_named_and_let_go_by_the_sweep(
    database: Database, ada: Person
) -> None:
    await ada.a_project()
    robo = await an_agent(ada, "Robo")
    task = await ada.a_task()
    claim = await robo.post("/agents/assign", {}, status=200)

    await expire(database, claim)
    named = await wrong(ada)
    await repair_workspace(database, ada.actor.workspace_id)

    assert named == {(task["key"], "lease_expired")}
    assert await wrong(ada) == set()
    assert (await ada.get(f"/tasks/{task['key']}"))["status"] == "todo"
    revived = (await ada.events(name="task.revived"))[-1]
    assert revived["payload"]["keys"] == [task["key"]]
    assert revived["payload"]["kind"] == "lease_expired"


async def test_numbers_that_are_wrong_are_named_and_counted_anew(
    database: Database, ada: Person
) -> None:
    await ada.a_project()
    needed = await ada.a_task()
    parent = await ada.a_task(dependencies=[needed["key"]])
    child = await ada.a_task(parent=parent["key"])

    await sql(
        database,
        "UPDATE tasks SET open_dependencies = 7, open_subtasks = 3 WHERE id = :id",
        id=an_id(database, parent["id"]),
    )
    named = await wrong(ada)
    await repair_workspace(database, ada.actor.workspace_id)

    assert (parent["key"], "counts_wrong") in named
    assert await wrong(ada) == set()
    mended = await ada.get(f"/tasks/{parent['key']}")
    assert (mended["open_dependencies"], mended["open_subtasks"]) == (1, 1)
    assert (await ada.get(f"/tasks/{child['key']}"))["open_dependencies"] == 1


async def test_a_run_that_holds_nothing_is_named_and_ended(database: Database, ada: Person) -> None:
    await ada.a_project()
    robo = await an_agent(ada, "Robo")
    task = await ada.a_task()
    claim = await robo.post("/agents/assign", {}, status=200)

    await sql(
        database,
        "UPDATE task_holds SET ended_at = expires_at WHERE task_id = :id",
        id=an_id(database, task["id"]),
    )
    named = await wrong(ada)
    await repair_workspace(database, ada.actor.workspace_id)

    assert (task["key"], "run_adrift") in named
    assert (task["key"], "run_adrift") not in await wrong(ada)
    assert (await ada.get(f"/runs/{claim['run_id']}"))["state"] == "expired"


async def test_what_a_person_must_mend_is_named_with_what_to_do(cast: Cast) -> None:
    ada = cast.ada
    await ada.a_project()
    await ada.a_project("OLD")
    stuck = await ada.a_task("OLD")
    waiting = await ada.a_task(dependencies=[stuck["key"]])
    left = await ada.a_task(assignees=[cast.grace.id])

    await ada.patch("/projects/OLD", {"archived": True})
    await ada.delete(f"/users/{cast.grace.id}")
    found = (await liveness(ada))["violations"]

    assert {(one["task"], one["kind"]) for one in found} == {
        (waiting["key"], "project_archived"),
        (left["key"], "assignees_gone"),
    }
    assert all(len(one["repair"]) > 20 for one in found)
    assert [one["is_safe"] for one in found] == [False, False]


async def test_tasks_of_hidden_projects_are_neither_counted_nor_named(
    database: Database, cast: Cast
) -> None:
    await cast.ada.a_project("SEC", visibility="private")
    robo = await an_agent(cast.ada, "Robo")
    await cast.ada.call("PUT", f"/projects/SEC/members/{robo.id}")
    await cast.ada.a_task("SEC")
    claim = await robo.post("/agents/assign", {}, status=200)
    await expire(database, claim)

    seen = await liveness(cast.grace)

    assert seen["violations"] == []
    assert [seen[name] for name in ("ready", "held", "waits_for_task", "waits_for_person")] == [
        0,
        0,
        0,
        0,
    ]
    assert len((await liveness(cast.ada))["violations"]) == 1


async def test_unlocks_that_were_counted_wrongly_are_named_and_counted_anew(
    database: Database, cast: Cast
) -> None:
    ada = cast.ada
    await ada.a_project()
    first = await ada.a_task(title="first")
    second = await ada.a_task(title="second", dependencies=[first["key"]])
    statement = "UPDATE tasks SET unlock_depth = 7, unlock_count = 9 WHERE id = :id"
    await sql(database, statement, id=an_id(database, second["id"]))

    plain = await liveness(ada)
    named = await ada.get("/liveness", unlocks=True)
    mended = await recount_workspace(database, ada.actor.workspace_id)

    assert plain["violations"] == []
    assert [(one["task"], one["kind"]) for one in named["violations"]] == [
        (second["key"], "unlocks_wrong")
    ]
    assert mended == 1
    assert (await ada.get("/liveness", unlocks=True))["violations"] == []
    after = await ada.get(f"/tasks/{second['key']}")
    assert (after["unlock_depth"], after["unlock_count"]) == (0, 0)
    event = await ada.last_event()
    assert (event["name"], event["payload"]["keys"]) == ("task.revived", [second["key"]])
    assert (await cast.bob.get("/liveness", unlocks=True))["violations"] == []
    assert await recount_workspace(database, ada.actor.workspace_id) == 0


async def test_what_was_found_wrong_is_left_alone_once_the_graph_has_changed(
    database: Database, ada: Person
) -> None:
    await ada.a_project()
    first = await ada.a_task(title="first")
    second = await ada.a_task(title="second", dependencies=[first["key"]])
    workspace_id = ada.actor.workspace_id
    async with database.reading(workspace_id) as tx:
        graph = await liveness_service(tx).graph()
    await ada.delete(f"/tasks/{second['key']}/dependencies/{first['key']}", 200)

    async with database.transaction(workspace_id) as tx:
        wrong = {UUID(first["id"]): Unlocks(depth=1, count=1)}
        mended = await liveness_service(tx).repair_unlocks(workspace_id, graph, wrong)

    assert mended == 0
    after = await ada.get(f"/tasks/{first['key']}")
    assert (after["unlock_depth"], after["unlock_count"]) == (0, 0)
