"""Who sees what in a stream, and for how long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import httpx2 as httpx
import pytest

from nexus.entrypoints.http import Nexus
from nexus.features.events import streaming
from nexus.features.events.domain import EventFilter
from nexus.features.events.dto import EventOut
from nexus.features.events.streaming import Ended
from nexus.platform.actor import Actor
from nexus.platform.database import Database
from tests.cast import Cast, Person
from tests.features.people import signed_in
from tests.features.streaming_writers import (
    a_reader,
    data_of,
    last_number,
    listening,
    stream_text,
    until,
)


async def _a_secret(cast: Cast) -> tuple[str, str]:
    """Ada's private project, seen by her alone, with a task; and a task of an open one."""
    await cast.ada.a_project("SEC", visibility="private")
    await cast.ada.a_project("WEB")
    secret = await cast.ada.a_task("SEC", "The hidden treasure")
    shown = await cast.ada.a_task("WEB", "Dig")
    return secret["key"], shown["key"]


async def _meddle(cast: Cast, secret: str, shown: str) -> None:
    """Events of the private project, and events of the open one that name its task."""
    await cast.ada.post(f"/tasks/{secret}/comments", {"body": "Psst"})
    await cast.ada.post(f"/tasks/{secret}/links", {"kind": "related", "task": shown})
    await cast.ada.post(f"/tasks/{shown}/dependencies", {"depends_on": secret})
    other = (await cast.ada.a_task("WEB", parent=secret))["key"]
    await cast.ada.patch(f"/tasks/{other}", {"parent": None})
    await cast.ada.post(f"/tasks/{secret}/dependencies", {"depends_on": other})
    await cast.ada.finish(other)


async def test_a_private_project_is_nowhere_in_the_stream_of_who_is_no_member(
    app: Nexus, cast: Cast
) -> None:
    secret, shown = await _a_secret(cast)
    start = await last_number(cast.ada)
    reader, own = a_reader(app, cast.grace, start), a_reader(app, cast.ada, start)
    reading = [asyncio.create_task(one.read_until(one.has_seen("mark"))) for one in (reader, own)]
    await asyncio.sleep(0.05)

    await _meddle(cast, secret, shown)
    await cast.ada.post("/repositories", {"name": "mark", "url": "https://mark.test/a"})
    await asyncio.gather(*reading)

    project = await cast.ada.get("/projects/SEC")
    told = [EventOut.of(event) for event in reader.seen]
    assert str(secret) not in str(told)
    assert project["id"] not in str(told)
    rows = await cast.grace.events(after=start)
    assert [str(event.id) for event in reader.seen] == [row["id"] for row in rows]
    assert [dict(event.payload) for event in reader.seen] == [row["payload"] for row in rows]
    assert len(own.seen) > len(reader.seen) > 0
    assert secret in str(own.seen)


async def test_who_joins_a_private_project_sees_what_comes_next_until_it_is_left(
    app: Nexus, cast: Cast
) -> None:
    secret, _ = await _a_secret(cast)
    member, comments = f"/projects/SEC/members/{cast.grace.id}", f"/tasks/{secret}/comments"
    start = await last_number(cast.ada)
    own, hers = [a_reader(app, person, start) for person in (cast.ada, cast.grace)]
    reading = [asyncio.create_task(one.read_until(one.has_seen("mark"))) for one in (own, hers)]
    await asyncio.sleep(0.05)

    await cast.ada.post(comments, {"body": "Before"})
    await until(lambda: len(own.seen) == 1)
    await cast.ada.call("PUT", member)
    await cast.ada.post(comments, {"body": "While"})
    await until(lambda: len(hers.seen) == 2)
    await cast.ada.delete(member)
    await cast.ada.post(comments, {"body": "After"})
    await cast.ada.post("/repositories", {"name": "mark", "url": "https://mark.test/a"})
    await asyncio.gather(*reading)

    assert hers.names == ["project.member_added", "task.commented", "repository.created"]
    assert hers.numbers == [start + 2, start + 3, start + 6]
    assert own.numbers == [start + n for n in range(1, 7)]


async def test_a_project_that_becomes_private_is_gone_from_the_streams_of_the_others(
    app: Nexus, cast: Cast
) -> None:
    await cast.ada.a_project("WEB")
    task = (await cast.ada.a_task("WEB"))["key"]
    start = await last_number(cast.ada)
    reader = a_reader(app, cast.grace, start)
    reading = asyncio.create_task(reader.read_until(reader.has_seen("workspace")))
    await asyncio.sleep(0.05)

    await cast.ada.patch("/projects/WEB", {"visibility": "private"})
    await cast.ada.post(f"/tasks/{task}/comments", {"body": "Hidden"})
    await asyncio.sleep(0.2)
    while_private = await stream_text(cast.grace, after=start), list(reader.seen)
    await cast.ada.patch("/projects/WEB", {"visibility": "workspace"})
    await reading

    assert data_of(while_private[0]) == while_private[1] == []
    assert reader.names == ["project.updated"]


async def _grace_changes(cast: Cast, how: str) -> httpx.Response:
    """Ada does something about Grace."""
    keys = (await cast.grace.get("/keys"))["items"]
    ways: dict[str, tuple[str, str, Any]] = {
        "her key is revoked": ("DELETE", f"/keys/{keys[0]['id']}", None),
        "she is removed": ("DELETE", f"/users/{cast.grace.id}", None),
        "she gets another role": ("PATCH", f"/users/{cast.grace.id}", {"role": "viewer"}),
    }
    method, path, body = ways[how]
    return await cast.ada.call(method, path, json=body)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("her key is revoked", "end"),
        ("she is removed", "end"),
        ("she gets another role", "reconnect"),
    ],
)
async def test_a_change_of_access_ends_the_streams_it_is_about_and_no_others(
    app: Nexus, cast: Cast, how: str, told: str
) -> None:
    async with listening(app, cast.grace, cast.vic, cast.bob) as (hers, *others):
        done = await _grace_changes(cast, how)
        assert done.status_code < 300, done.text
        answer = await asyncio.wait_for(hers, 2)
        await asyncio.sleep(0.1)
        going_on = [not other.done() for other in others]

    assert f'\n\nevent: {told}\ndata: {{"reason":"' in answer.text
    assert answer.text.count("event: ") == 1
    assert going_on == [True, True]


@pytest.mark.parametrize("by", ["signing out", "another session"])
async def test_the_end_of_a_session_ends_its_stream_and_not_that_of_another(
    database: Database, app: Nexus, ada: Person, by: str
) -> None:
    here, there = [await signed_in(database, app, ada.user) for _ in range(2)]
    who, path = (here, "current") if by == "signing out" else (there, here.session_id)

    async with listening(app, here, there) as (ending, other):
        done = await who.call("DELETE", f"/sessions/{path}")
        assert done.status_code == 204, done.text
        answer = await asyncio.wait_for(ending, 2)
        await asyncio.sleep(0.1)
        goes_on = not other.done()

    assert "event: end\n" in answer.text
    assert goes_on


async def test_a_stream_that_is_opened_while_its_key_is_revoked_ends_as_well(
    app: Nexus, cast: Cast
) -> None:
    async def nobody() -> None:
        return None

    items = app.streams.read(cast.grace.actor, EventFilter(), None, nobody)
    async with aclosing(items):
        await anext(items)  # the credential was good when the answer began

        await _grace_changes(cast, "her key is revoked")
        ended = await asyncio.wait_for(anext(items), 2)

    assert isinstance(ended, Ended)
    assert ended.is_final


async def test_a_reader_whose_key_has_expired_is_noticed_while_others_are_busy(
    app: Nexus, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "ACCESS_EVERY_S", 0.3)
    await ada.a_project()
    expired = asyncio.Event()

    async def still_there() -> Actor | None:
        return None if expired.is_set() else ada.actor

    which = EventFilter(names=("nothing.like_it",))
    async with aclosing(app.streams.read(ada.actor, which, None, still_there)) as items:
        ending = asyncio.create_task(_until_ended(items))
        await asyncio.sleep(0.05)
        expired.set()
        for number in range(40):
            await ada.a_task(title=f"Task {number}")
            await asyncio.sleep(0.03)
        is_ended = ending.done()
        ending.cancel()
        await asyncio.gather(ending, return_exceptions=True)

    assert is_ended


async def _until_ended(items: AsyncIterator[Any]) -> None:
    async for item in items:
        if isinstance(item, Ended):
            return
