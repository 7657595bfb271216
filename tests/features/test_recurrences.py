"""Tasks that come again, over HTTP and by the calendar."""

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from nexus.features.tasks.jobs import go_on_with_series
from nexus.features.tasks.tables import TaskRecurrenceRow
from nexus.platform.clock import now
from nexus.platform.database import Database
from tests.cast import Cast, Person


def _today() -> date:
    return now().date()


def _day(days: int) -> str:
    return str(_today() + timedelta(days=days))


async def _recur(person: Person, task: str, rule: str = "FREQ=DAILY", **more: str) -> Any:
    answer = await person.call("PUT", f"/tasks/{task}/recurrence", json={"rule": rule, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _keys(person: Person, **params: Any) -> list[str]:
    found = await person.get("/tasks", sort="key", limit=200, **params)
    return [one["key"] for one in found["items"]]


async def _set_next(database: Database, person: Person, task: str, days: int) -> None:
    """Let the calendar have stood at another day."""
    task_id = UUID((await person.get(f"/tasks/{task}"))["id"])
    async with database.transaction(person.workspace_id) as tx:
        of = TaskRecurrenceRow.task_id == task_id
        day = _today() + timedelta(days=days)
        await tx.execute(update(TaskRecurrenceRow).where(of).values(next_on=day))


@pytest.mark.parametrize("status", ["done", "cancelled"])
async def test_finishing_a_task_makes_the_next_one(cast: Cast, status: str) -> None:
    ada = cast.ada
    await ada.a_project()
    await ada.a_task(title="Parent")
    await ada.a_task(title="Before")
    repository = await ada.post("/repositories", {"name": "a", "url": "https://x.test/a"})
    task = await ada.a_task(
        title="Water the plants", description="d", details="e", test_strategy="t",
        acceptance=["all wet"], priority="high", labels=["Home", "water"], parent="API-1",
        assignees=[cast.grace.id], custom={"a": [1]}, due_on=_day(3), complexity_manual=2,
        repository_id=repository["id"], dependencies=["API-2"], status="in_progress",
    )  # fmt: skip
    await ada.patch(f"/tasks/API-3/acceptance/{task['acceptance'][0]['id']}", {"is_met": True})
    await _recur(ada, "API-3")
    before = (await ada.last_event())["seq"]

    await cast.grace.patch("/tasks/API-3/status", {"status": status})

    old, new = await ada.get("/tasks/API-3"), await ada.get("/tasks/API-4")
    copied = ("title", "description", "details", "test_strategy", "priority", "labels", "parent",
              "assignees", "custom", "complexity_manual", "repository_id")  # fmt: skip
    assert [new[name] for name in copied] == [task[name] for name in copied]
    assert [(one["text"], one["is_met"]) for one in new["acceptance"]] == [("all wet", False)]
    assert (new["due_on"], new["status"], new["dependencies"]) == (_day(4), "todo", [])
    assert old["recurrence"] is None
    assert (new["recurrence"]["rule"], new["recurrence"]["next_on"]) == ("FREQ=DAILY", None)
    events = await ada.events(after=before)
    assert {event["name"] for event in events} == {
        "task.status_changed", "task.created", "task.recurred",
    }  # fmt: skip
    [recurred] = [event for event in events if event["name"] == "task.recurred"]
    assert (recurred["payload"]["key"], recurred["payload"]["after_key"]) == ("API-4", "API-3")
    assert (await ada.get("/tasks/API-1"))["open_subtasks"] == 1


async def test_the_next_day_is_after_today_and_after_the_due_day(ada: Person) -> None:
    await ada.a_project()
    for due_on in (None, _day(-10), _day(10)):
        made = await ada.a_task(due_on=due_on)
        await _recur(ada, made["key"])

    for n in (1, 2, 3):
        await ada.finish(f"API-{n}")

    made = [(await ada.get(f"/tasks/API-{n}"))["due_on"] for n in (4, 5, 6)]
    assert made == [_day(1), _day(1), _day(11)]


async def test_a_bulk_change_makes_the_next_ones(ada: Person) -> None:
    await ada.a_project()
    for _ in range(3):
        await _recur(ada, (await ada.a_task())["key"])

    items = [
        {"task": f"API-{n}", "version": (await ada.get(f"/tasks/API-{n}"))["version"],
         "status": "done", "title": "New title"}
        for n in (1, 2, 3)
    ]  # fmt: skip
    await ada.patch("/tasks", {"items": items})

    assert await _keys(ada, status="todo") == ["API-4", "API-5", "API-6"]
    assert (await ada.get("/tasks/API-4"))["title"] == "New title"


@pytest.mark.parametrize("end", ["COUNT=3", f"UNTIL={date.max:%Y}1231", "UNTIL"])
async def test_a_series_ends_where_its_rule_says(ada: Person, end: str) -> None:
    until = _today() + timedelta(days=2)
    end = f"UNTIL={until:%Y%m%d}" if end == "UNTIL" else end
    await ada.a_project()
    await ada.a_task(due_on=_day(0))
    await _recur(ada, "API-1", f"FREQ=DAILY;{end}")

    for n in (1, 2, 3):
        await ada.finish(f"API-{n}")

    is_over = "9999" not in end
    assert await _keys(ada, status="todo") == ([] if is_over else ["API-4"])
    names = [event["name"] for event in await ada.events()]
    assert names.count("task.recurred") == (2 if is_over else 3)
    assert names.count("task.recurrence_removed") == is_over
    assert (await ada.get("/tasks/API-3"))["recurrence"] is None


async def test_who_has_left_is_not_assigned_again(cast: Cast) -> None:
    await cast.ada.a_project()
    await cast.ada.a_task(assignees=[cast.grace.id, cast.ada.id])
    await _recur(cast.ada, "API-1")
    await cast.ada.delete(f"/users/{cast.grace.id}")

    await cast.ada.finish("API-1")

    new = await cast.ada.get("/tasks/API-2")
    assert [one["id"] for one in new["assignees"]] == [cast.ada.id]


async def test_an_archived_parent_keeps_nothing_from_finishing(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task()
    await ada.a_task(parent="API-1")
    await _recur(ada, "API-2")
    await ada.finish("API-1")
    await ada.patch("/tasks/API-1", {"archived": True})

    await ada.finish("API-2")

    assert (await ada.get("/tasks/API-3"))["parent"] is None


async def test_an_archived_project_ends_the_series(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task()
    await _recur(ada, "API-1")
    await ada.patch("/projects/API", {"archived": True})

    answer = await ada.call("PATCH", "/tasks/API-1/status", json={"status": "done"})

    assert answer.status_code == 200, answer.text
    assert await _keys(ada) == ["API-1"]
    assert (await ada.get("/tasks/API-1"))["recurrence"] is None


async def test_a_task_due_at_the_end_of_time_can_be_finished(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task()
    await _recur(ada, "API-1")
    await ada.patch("/tasks/API-1", {"due_on": "9999-12-31"})

    answer = await ada.call("PATCH", "/tasks/API-1/status", json={"status": "done"})

    assert answer.status_code == 200, answer.text


async def test_reopening_the_old_task_starts_no_second_series(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task()
    await _recur(ada, "API-1")
    await ada.finish("API-1")

    await ada.patch("/tasks/API-1/status", {"status": "todo"})
    await ada.finish("API-1")

    assert await _keys(ada) == ["API-1", "API-2"]


async def test_a_series_moves_with_its_task(ada: Person) -> None:
    await ada.a_project("API")
    await ada.a_project("WEB")
    await ada.a_task()
    await _recur(ada, "API-1")
    await ada.patch("/tasks/API-1/project", {"project": "WEB"})

    await ada.finish("WEB-1")

    assert await _keys(ada) == ["WEB-1", "WEB-2"]


async def test_the_calendar_makes_the_next_task_and_only_the_latest(
    ada: Person, database: Database
) -> None:
    await ada.a_project()
    await ada.a_task(title="Report", due_on=_day(-9))
    recurring = await _recur(ada, "API-1", trigger="schedule")
    assert recurring["recurrence"]["next_on"] == _day(1)
    await _set_next(database, ada, "API-1", -5)

    await go_on_with_series(database)
    await go_on_with_series(database)

    assert await _keys(ada) == ["API-1", "API-2"]
    new = await ada.get("/tasks/API-2")
    assert (new["title"], new["due_on"], new["created_by"]) == ("Report", _day(0), ada.id)
    assert new["recurrence"]["next_on"] == _day(1)
    assert (await ada.get("/tasks/API-1"))["recurrence"] is None
    assert (await ada.get("/tasks/API-1"))["status"] == "todo"
    event = await ada.last_event()
    assert (event["name"], event["payload"]["after_key"]) == ("task.recurred", "API-1")


async def test_finishing_makes_no_task_where_the_calendar_does(
    ada: Person, database: Database
) -> None:
    await ada.a_project()
    await ada.a_task()
    await _recur(ada, "API-1", trigger="schedule")

    await ada.finish("API-1")
    finished = await _keys(ada)
    await _set_next(database, ada, "API-1", 0)
    await go_on_with_series(database)

    assert finished == ["API-1"]
    assert await _keys(ada) == ["API-1", "API-2"]


async def test_two_processes_make_one_task(ada: Person, database: Database) -> None:
    await ada.a_project()
    await ada.a_task()
    await _recur(ada, "API-1", trigger="schedule")
    await _set_next(database, ada, "API-1", -3)
    second = Database(database.url)

    await asyncio.gather(*(go_on_with_series(one) for one in (database, second) * 3))

    await second.close()
    assert await _keys(ada) == ["API-1", "API-2"]


async def test_a_series_that_cannot_go_on_keeps_no_other_from_it(
    cast: Cast, database: Database
) -> None:
    for person in (cast.ada, cast.bob):
        await person.a_project()
        await person.a_task()
        await _recur(person, "API-1", trigger="schedule")
    await _set_next(database, cast.ada, "API-1", -3)
    await _set_next(database, cast.bob, "API-1", -2)
    await cast.ada.patch("/projects/API", {"archived": True})

    await go_on_with_series(database)

    assert await _keys(cast.ada) == ["API-1"]
    assert (await cast.ada.get("/tasks/API-1"))["recurrence"] is None
    assert await _keys(cast.bob) == ["API-1", "API-2"]


async def test_saying_it_twice_is_once_and_taking_it_back_too(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task()

    first = await _recur(ada, "API-1", "freq=weekly")
    event = await ada.last_event()
    again = await _recur(ada, "API-1", "FREQ=WEEKLY")
    assert (again, await ada.last_event()) == (first, event)
    other = await _recur(ada, "API-1", "FREQ=DAILY", trigger="schedule")
    assert other["recurrence"]["trigger"] == "schedule"
    assert (await ada.last_event())["payload"] == {
        "key": "API-1", "rule": "FREQ=DAILY", "trigger": "schedule",
    }  # fmt: skip
    once = await ada.delete("/tasks/API-1/recurrence", status=200)
    assert once["recurrence"] is None
    event = await ada.last_event()
    assert event["name"] == "task.recurrence_removed"
    assert await ada.delete("/tasks/API-1/recurrence", status=200) == once
    assert await ada.last_event() == event
    await ada.finish("API-1")
    assert await _keys(ada) == ["API-1"]


async def test_who_may_not_or_what_cannot_recur_is_refused(cast: Cast) -> None:
    await cast.ada.a_project()
    for _ in range(2):
        await cast.ada.a_task()
    await cast.ada.finish("API-2")
    body = {"rule": "FREQ=DAILY"}
    calls = [
        (cast.vic, "API-1", body, (403, "permission.missing")),
        (cast.bob, "API-1", body, (404, "task.not_found")),
        (cast.ada, "API-2", body, (409, "task.finished")),
        (cast.ada, "API-1", {"rule": "FREQ=HOURLY"}, (422, "task.rule_not_understood")),
        (cast.ada, "API-1", {"rule": "x" * 501}, (400, "request.invalid")),
        (cast.ada, "API-1", body | {"trigger": "never"}, (400, "request.invalid")),
        (cast.ada, "API-1", {}, (400, "request.invalid")),
    ]

    for person, key, given, expected in calls:
        answer = await person.call("PUT", f"/tasks/{key}/recurrence", json=given)
        assert (answer.status_code, answer.json()["code"]) == expected
    refused = await cast.vic.call("DELETE", "/tasks/API-1/recurrence")
    assert refused.status_code == 403


@pytest.mark.parametrize("rule", ["FREQ=YEARLY;BYMONTH=13;BYDAY=1MO", "FREQ=DAILY;BYDAY=99XX"])
async def test_a_rule_with_an_impossible_part_is_refused(ada: Person, rule: str) -> None:
    await ada.a_project()
    await ada.a_task()

    answer = await ada.call("PUT", "/tasks/API-1/recurrence", json={"rule": rule})

    assert (answer.status_code, answer.json()["code"]) == (422, "task.rule_not_understood")
