"""Streams of events within one process: every event once, and in order."""

import asyncio
import json
import random
from typing import Any
from uuid import uuid4

import pytest

from nexus.entrypoints.http import Nexus
from nexus.features.identity.events import UserUpdated
from nexus.platform.database import Database
from tests.cast import API, Cast, Person
from tests.features.people import joined, signed_in
from tests.features.streaming_writers import (
    a_reader,
    all_events,
    data_of,
    last_number,
    listening,
    numbers_in,
    stream_text,
    write_at_once,
)

SEED = 20261121


async def test_readers_who_come_and_go_while_many_write_get_every_event_once_and_in_order(
    app: Nexus, ada: Person
) -> None:
    await ada.a_project()
    start = await last_number(ada)
    readers = [a_reader(app, ada, start) for _ in range(6)]
    ends: list[int] = []

    async def call(method: str, path: str, body: Any) -> Any:
        answer = await ada.call(method, path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    reading = asyncio.gather(
        *(
            reader.come_and_go(
                random.Random(f"{SEED} {i}"), lambda at: bool(ends) and at >= ends[0]
            )
            for i, reader in enumerate(readers)
        )
    )
    await write_at_once(call, writers=24, each=6, seed=SEED)
    ends.append(await last_number(ada))
    await reading

    rows = await all_events(ada, start)
    assert len(rows) == ends[0] - start >= 24 * 6
    for reader in readers:
        assert reader.numbers == [row["seq"] for row in rows]
        assert [str(event.id) for event in reader.seen] == [row["id"] for row in rows]


async def test_what_is_written_first_and_committed_last_is_not_passed_over(
    database: Database, app: Nexus, ada: Person
) -> None:
    await ada.a_project()
    start = await last_number(ada)
    reader, goes_on = a_reader(app, ada, start), asyncio.Event()
    reading = asyncio.create_task(reader.read_until(lambda: len(reader.seen) == 2))

    async def late() -> None:
        async with database.transaction(ada.actor.workspace_id) as tx:
            tx.events.record(UserUpdated(user_id=ada.user.id, changes={}), by=ada.actor)
            await tx.write_events()
            tx.events.recorded.clear()  # as of another process: nobody here is told
            await goes_on.wait()

    writing_late = asyncio.create_task(late())
    await asyncio.sleep(0.1)
    writing_after = asyncio.create_task(ada.a_task())
    await asyncio.sleep(0.3)
    seen_before = list(reader.seen)
    goes_on.set()
    await asyncio.gather(writing_late, writing_after, reading)

    assert seen_before == []
    assert reader.numbers == [start + 1, start + 2]
    assert reader.names == ["user.updated", "task.created"]


async def test_a_stream_from_a_place_is_what_the_log_has_after_it(cast: Cast) -> None:
    await cast.ada.a_project()
    for number in range(30):
        await cast.ada.a_task(title=f"Task {number}")
    rows = await cast.vic.events()

    for after in (0, 1, 17, len(rows) - 1, len(rows)):
        text = await stream_text(cast.vic, after=after)
        assert [json.loads(data) for data in data_of(text)] == rows[after:]
        assert text.startswith(f"retry: 1000\nid: {after}\n: heartbeat\n\n")


FILTERS: list[dict[str, Any]] = [
    {"name": "task.*"},
    {"name": ["task.updated", "project.created"]},
    {"name": "task.c*"},
    {"name": "task"},
    {"actor": "grace"},
    {"actor": "grace", "name": "task.commented"},
    {"task": "API-1"},
    {"task": "api-2", "actor": "ada"},
    {"subject": "task:API-1"},
    {"subject": "the first task"},
]


@pytest.mark.parametrize("params", FILTERS, ids=str)
async def test_filters_choose_the_same_events_live_and_from_the_log(
    app: Nexus, cast: Cast, params: dict[str, Any]
) -> None:
    given = {
        name: list(value) if isinstance(value, list) else value for name, value in params.items()
    }
    await cast.ada.a_project()
    first = await cast.ada.a_task(title="First")
    await cast.ada.a_task(title="Second")
    start = await last_number(cast.ada)
    if "actor" in given:
        given["actor"] = getattr(cast, given["actor"]).id
    if given.get("subject") == "the first task":
        given["subject"] = f"task:{first['id']}"

    async with listening(app, cast.vic):  # so that what follows is remembered
        await cast.grace.patch("/tasks/API-1", {"title": "Changed"})
        await cast.grace.post("/tasks/API-1/comments", {"body": "Hm"})
        await cast.ada.patch("/tasks/API-2", {"title": "Changed too"})
        await asyncio.sleep(0.05)
        live = await stream_text(cast.vic, after=start, **given)
        read = await stream_text(cast.vic, after=0, **given)

    rows = await cast.vic.events(**given)
    assert [json.loads(data) for data in data_of(read)] == rows
    assert [json.loads(data) for data in data_of(live)] == [
        row for row in rows if row["seq"] > start
    ]


async def test_a_session_names_its_workspace_and_its_place_in_the_address(
    database: Database, app: Nexus, ada: Person, bob: Person
) -> None:
    await ada.a_project()
    await joined(database, bob, ada.user)
    browser = await signed_in(database, app, ada.user)
    rows = await ada.events()

    both = await stream_text(browser, workspace=str(ada.workspace_id), after=2)
    other = await stream_text(browser, workspace=str(bob.workspace_id), after=0)
    header = await browser.call(
        "GET",
        f"/events/stream?wait=0&after=0&workspace={ada.workspace_id}",
        headers={"Last-Event-ID": "3"},
    )
    nowhere = await browser.call("GET", f"/events/stream?wait=0&workspace={uuid4()}")

    assert [json.loads(data) for data in data_of(both)] == rows[2:]
    assert [json.loads(data)["id"] for data in data_of(other)] == [
        row["id"] for row in await bob.events()
    ]
    assert numbers_in(header.text) == [row["seq"] for row in rows[3:]]
    assert nowhere.status_code == 404


@pytest.mark.parametrize(
    "given", ["abc", "-1", "1.5", "1e3", "2147483648", "9" * 20, "\u0661", "", "1 2", "0x10"]
)
async def test_a_place_that_is_no_number_is_refused_in_a_sentence(ada: Person, given: str) -> None:
    headers = {"Last-Event-ID": given.encode()}

    refused = await ada.http.get(
        f"{API}/events/stream?wait=0",
        headers={"Authorization": f"Bearer {ada.key}", **headers},
    )

    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (422, "event.place_not_understood")
    assert refused.headers["content-type"].startswith("application/problem+json")
    assert "is no place in the log" in problem["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "after=-1",
        "after=x",
        "after=2147483648",
        "wait=61",
        "wait=-1",
        "wait=nan",
        "wait=inf",
        "task=API-99",
        "names=x",
    ],
)
async def test_a_stream_that_cannot_be_is_refused(ada: Person, query: str) -> None:
    async with asyncio.timeout(5):
        refused = await ada.call("GET", f"/events/stream?{query}")

    assert refused.status_code in {400, 404, 422}


async def test_a_place_beyond_the_newest_event_is_the_newest(app: Nexus, ada: Person) -> None:
    await ada.a_project()
    newest = await last_number(ada)

    told = await stream_text(ada, after=newest + 1000)
    reader = a_reader(app, ada, 2**31 - 1)
    reading = asyncio.create_task(reader.read_until(lambda: len(reader.seen) == 1))
    await asyncio.sleep(0.05)
    await ada.a_task()
    await reading

    assert told == f"retry: 1000\nid: {newest}\n: heartbeat\n\n"
    assert reader.numbers == [newest + 1]


async def test_who_comes_back_before_this_process_has_looked_gets_nothing_twice(
    database: Database, app: Nexus, ada: Person
) -> None:
    async with listening(app, ada):
        elsewhere = Database(database.url)  # tells this process nothing
        async with elsewhere.transaction(ada.actor.workspace_id) as tx:
            tx.events.record(UserUpdated(user_id=ada.user.id, changes={}), by=ada.actor)
        await elsewhere.close()

        newest = await last_number(ada)
        text = await stream_text(ada, after=newest)

    assert numbers_in(text) == []
    assert text.startswith(f"retry: 1000\nid: {newest}\n")
