"""What happened, over HTTP: the audit log, its filters and order, and the activity of tasks."""

import base64
import json
from itertools import pairwise
from typing import Any

import pytest

from tests.cast import API, Cast, Person


async def _a_story(cast: Cast) -> Any:
    """Ada plans, Grace works; the answer of the last change of API-1."""
    await cast.ada.a_project()
    await cast.ada.a_task(title="First")
    await cast.ada.a_task(title="Second", dependencies=["API-1"])
    await cast.grace.patch("/tasks/API-1", {"priority": "high"})
    await cast.grace.post("/tasks/API-1/comments", {"body": "Done soon, @ada"})
    await cast.grace.finish("API-1")
    await cast.ada.post("/repositories", {"name": "a", "url": "https://x.test/a"})
    return await cast.ada.get("/tasks/API-1")


async def _names(person: Person, **params: Any) -> list[str]:
    return [one["name"] for one in await person.events(**params)]


async def test_events_are_numbered_from_one_without_gaps_whatever_is_refused(cast: Cast) -> None:
    await _a_story(cast)
    await cast.ada.call(
        "PATCH", "/tasks/API-1", json={"priority": "low"}, headers={"If-Match": "1"}
    )
    await cast.vic.call("PATCH", "/tasks/API-1", json={"priority": "low"})
    await cast.ada.call("POST", "/tasks/API-1/dependencies", json={"depends_on": "API-2"})
    await cast.bob.a_project()
    await cast.ada.a_task()

    events = await cast.ada.events()

    assert [one["seq"] for one in events] == list(range(1, len(events) + 1))
    assert len({one["id"] for one in events}) == len(events)
    assert all(a["recorded_at"] <= b["recorded_at"] for a, b in pairwise(events))
    assert (events[-1]["name"], events[-1]["payload"]["key"]) == ("task.created", "API-3")


async def test_an_event_says_who_did_what_to_what_and_in_which_request(cast: Cast) -> None:
    await cast.ada.a_project()
    task = await cast.ada.a_task(title="First")
    project = await cast.ada.get("/projects/API")

    answer = await cast.grace.call("PATCH", "/tasks/API-1/status", json={"status": "done"})

    event = await cast.ada.last_event()
    assert event["name"] == "task.status_changed"
    assert event["actor"] == {"id": cast.grace.id, "kind": "member", "name": "Grace"}
    assert event["subject"] == f"task:{task['id']}"
    assert (event["task_id"], event["project_id"]) == (task["id"], project["id"])
    assert event["request_id"] == answer.headers["X-Request-Id"]
    assert event["recorded_at"] >= answer.json()["finished_at"]
    assert event["schema"] == 1
    assert event["payload"] == {
        "key": "API-1",
        "changes": {"status": ["todo", "done"]},
        "became_ready": [],
        "by_cancelling": False,
    }


STORY = [
    "project.created",
    "task.created",
    "task.created",
    "task.updated",
    "task.commented",
    "task.status_changed",
    "repository.created",
]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, STORY),
        ({"name": "task.updated"}, ["task.updated"]),
        ({"name": ["task.updated", "project.created"]}, ["project.created", "task.updated"]),
        ({"name": "task.*"}, STORY[1:6]),
        ({"name": ["project.*", "repository.created"]}, [STORY[0], STORY[6]]),
        ({"name": "task.st*"}, []),
        ({"name": "task"}, []),
        ({"name": "TASK.*"}, []),
        ({"name": "TASK.CREATED"}, []),
        ({"name": "t%.*"}, []),
        ({"name": "%.*"}, []),
        ({"name": "tas_.*"}, []),
        ({"actor": "grace"}, STORY[3:6]),
        ({"actor": "ada", "name": "task.*"}, STORY[1:3]),
        ({"actor": "vic"}, []),
        ({"task": "API-1"}, [STORY[1], *STORY[3:6]]),
        ({"task": "api-2", "actor": "ada"}, ["task.created"]),
        ({"task": "API-1", "actor": "grace", "name": "task.c*"}, []),
        ({"task": "API-1", "actor": "grace", "name": "task.commented"}, ["task.commented"]),
        ({"subject": "task"}, []),
    ],
)
async def test_filters_are_combined(
    cast: Cast, params: dict[str, Any], expected: list[str]
) -> None:
    start = (await cast.ada.last_event())["seq"]
    await _a_story(cast)
    given = dict(params)
    if "actor" in given:
        given["actor"] = getattr(cast, given["actor"]).id

    found = await _names(cast.ada, after=start, **given)
    turned = await _names(cast.ada, after=start, sort="newest", **given)

    assert found == expected
    assert turned == expected[::-1]


async def test_a_subject_is_asked_for_as_it_is_shown(cast: Cast) -> None:
    await _a_story(cast)

    for event in await cast.ada.events():
        same = await cast.ada.events(subject=event["subject"])
        assert event in same
        assert {one["subject"] for one in same} == {event["subject"]}


async def test_a_span_of_time_begins_at_since_and_ends_before_until(cast: Cast) -> None:
    await _a_story(cast)
    events = await cast.ada.events()
    since, until = events[3]["recorded_at"], events[-2]["recorded_at"]

    found = await cast.ada.events(since=since, until=until)
    shifted = await cast.ada.events(since=since.replace("Z", "+00:00"), until=until)

    assert found == [one for one in events if since <= one["recorded_at"] < until]
    assert len(found) >= 3
    assert shifted == found
    assert await cast.ada.events(since=until, until=since) == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("since=2026-01-01T12:00:00", 422),
        ("until=yesterday", 400),
        ("actor=grace", 400),
        ("after=-1", 400),
        ("after=4294967296", 400),
        ("sort=best", 400),
        ("limit=201", 400),
        ("names=task.created", 400),
        ("task=API-99", 404),
        ("task=nonsense", 404),
        ("cursor=nonsense", 422),
        ("name=%00", 400),
        ("subject=%00", 400),
    ],
)
async def test_a_question_that_cannot_be_answered_is_refused(
    ada: Person, query: str, status: int
) -> None:
    await ada.a_project()

    refused = await ada.call("GET", f"/events?{query}")

    assert refused.status_code == status
    assert refused.json()["status"] == status


@pytest.mark.parametrize("sort", ["oldest", "newest"])
@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_pages_of_events_one_after_the_other_are_the_whole_log(
    cast: Cast, sort: str, limit: int
) -> None:
    await _a_story(cast)
    whole = await cast.ada.events(sort=sort, name=["task.*", "project.*"])

    walked: list[Any] = []
    path = f"/events?sort={sort}&limit={limit}&name=task.*&name=project.*"
    while path:
        answer = await cast.ada.call("GET", path)
        walked += answer.json()["items"]
        link = answer.headers.get("Link", "")
        path = link.partition(">")[0].removeprefix("<").removeprefix(API)

    assert walked == whole
    assert len(walked) == 6


async def test_a_cursor_of_the_other_order_is_refused(cast: Cast) -> None:
    await _a_story(cast)
    cursors = {
        sort: (await cast.ada.get("/events", sort=sort, limit=1))["next_cursor"]
        for sort in ("oldest", "newest")
    }

    for sort, other in (("oldest", "newest"), ("newest", "oldest")):
        params = {"sort": sort, "cursor": cursors[other]}
        refused = await cast.ada.call("GET", "/events", params=params)
        assert (refused.status_code, refused.json()["code"]) == (422, "cursor.not_understood")


@pytest.mark.parametrize("number", [0, -1, 2**31, 2**63, 2**70, 1.5, "1", None])
async def test_a_forged_cursor_breaks_nothing(ada: Person, number: Any) -> None:
    forged = base64.urlsafe_b64encode(json.dumps(["events", number]).encode()).decode()

    answer = await ada.call("GET", "/events", params={"cursor": forged.rstrip("=")})

    assert answer.status_code in ({200, 422} if isinstance(number, int) else {422})


async def test_who_reads_on_after_the_last_number_misses_nothing(cast: Cast) -> None:
    last = (await cast.ada.last_event())["seq"]
    await _a_story(cast)

    seen: list[Any] = []
    while batch := (await cast.ada.get("/events", after=last, limit=2))["items"]:
        seen += batch
        last = batch[-1]["seq"]

    assert [one["name"] for one in seen] == STORY
    assert [b["seq"] - a["seq"] for a, b in pairwise(seen)] == [1] * 6


async def test_a_task_shows_its_activity_newest_first(cast: Cast) -> None:
    task = await _a_story(cast)

    activity = await cast.vic.get("/tasks/API-1/activity")

    assert [one["name"] for one in activity["items"]] == [*STORY[5:2:-1], STORY[1]]
    assert {one["task_id"] for one in activity["items"]} == {task["id"]}
    assert activity["items"] == await cast.vic.events(task=task["id"], sort="newest")
    first = await cast.vic.get(f"/tasks/{task['id']}/activity", limit=3)
    rest = await cast.vic.get("/tasks/API-1/activity", limit=3, cursor=first["next_cursor"])
    assert first["items"] + rest["items"] == activity["items"]
    assert rest["next_cursor"] is None


async def test_another_workspace_sees_none_of_it(cast: Cast) -> None:
    before = await cast.bob.events()
    await _a_story(cast)

    after = await cast.bob.events()

    assert after == before
    assert await cast.bob.events(actor=cast.ada.id) == []
    for path in ("/tasks/API-1/activity", "/events?task=API-1"):
        assert (await cast.bob.call("GET", path)).status_code == 404
