"""Agents that wait for work, over HTTP: called when there is something, each for something else."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from nexus.entrypoints.http import Nexus
from nexus.platform.database import Database
from tests.cast import API, Cast, Person
from tests.conftest import Statements
from tests.features.agency import Robot, an_agent, expire
from tests.features.people import refusal

WITHIN_S = 15
SOON_S = 5.0
"""Far less than the waiting agents wait, and enough for a look of the slower database."""

Waiting = asyncio.Task[Any]
READY_AFTER: dict[str, Any] = {
    "dependency": {"dependencies": ["API-1"]},
    "subtask": {},
    "files": {"footprint": ["src/api"]},
    "status": {"status": "backlog"},
}


@asynccontextmanager
async def waiting(app: Nexus, *agents: Robot, wait_s: float = 30) -> AsyncGenerator[list[Waiting]]:
    """Agents who ask one after the other, and sit."""
    already = app.waiting_room.count
    tasks: list[Waiting] = []
    try:
        for agent in agents:
            wish = {"wait_s": wait_s}
            tasks.append(asyncio.create_task(agent.call("POST", "/agents/assign", json=wish)))
            await until(lambda: app.waiting_room.count == already + len(tasks))
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(is_so: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110 - the room tells nobody who has come
            await asyncio.sleep(0.01)


async def soon(task: Waiting) -> Any:
    """What a waiting agent is given."""
    done, _ = await asyncio.wait({task}, timeout=SOON_S)
    assert done, "it still waits"
    answer = task.result()
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_who_waits_gets_at_once_what_is_there_already(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task()
    agent = await an_agent(ada)
    began_s = time.monotonic()

    claim = await agent.claim(wait_s=30)

    assert claim["task"]["key"] == "API-1"
    assert time.monotonic() - began_s < SOON_S


async def test_who_waits_in_vain_hears_so_when_the_time_is_over(app: Nexus, ada: Person) -> None:
    await ada.a_project()
    await ada.a_task(status="backlog")
    agent = await an_agent(ada)
    began_s, before = time.monotonic(), await ada.last_event()

    nothing = await agent.claim(wait_s=0.7)

    assert (nothing["run_id"], nothing["task"]) == (None, None)
    assert nothing["reason"]
    assert 0.6 < time.monotonic() - began_s < SOON_S
    assert await ada.last_event() == before
    assert app.waiting_room.count == 0


async def test_a_named_task_is_not_waited_for(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task(status="backlog")
    agent = await an_agent(ada)
    began_s = time.monotonic()

    refused = await agent.call("POST", "/agents/assign", json={"task": "API-1", "wait_s": 30})

    assert refusal(refused) == (409, "task.not_ready")
    assert time.monotonic() - began_s < SOON_S


@pytest.mark.parametrize("what", ["dependency", "subtask", "creation", "status", "release",
                                  "assignees", "files", "limit"])  # fmt: skip
async def test_whatever_makes_a_task_ready_calls_who_waits(
    app: Nexus, ada: Person, what: str
) -> None:
    await ada.a_project()
    agent, other = await an_agent(ada), await an_agent(ada, "Other")
    key, release = await make_unready(ada, other, what)

    async with waiting(app, agent) as [asking]:
        releasing = asyncio.create_task(release())
        claim = await soon(asking)
        await releasing

    assert claim["task"]["key"] == key
    assert claim["task"]["hold"]["holder"]["id"] == agent.id
    run = await ada.get(f"/runs/{claim['run_id']}")
    assert (run["state"], run["is_live"]) == ("working", True)


async def test_of_two_who_wait_for_one_task_exactly_one_gets_it(app: Nexus, ada: Person) -> None:
    await ada.a_project()
    early, late = await an_agent(ada, "Early"), await an_agent(ada, "Late")

    async with waiting(app, early, late) as [first, second]:
        await ada.a_task()
        claim = await soon(first)
        await asyncio.sleep(0.3)
        is_still_waiting = not second.done()
        await ada.a_task()
        following = await soon(second)

    assert is_still_waiting
    assert (claim["task"]["key"], following["task"]["key"]) == ("API-1", "API-2")
    names = [event["name"] for event in await ada.events()]
    assert names.count("task.claimed") == 2


async def test_many_who_wait_get_each_another_of_the_tasks_that_come_at_once(
    app: Nexus, ada: Person
) -> None:
    await ada.a_project()
    await ada.a_task()
    for _ in range(8):
        await ada.a_task(dependencies=["API-1"])
    agents = [await an_agent(ada, f"Coder {i}", projects=["API"]) for i in range(10)]
    await ada.call("PUT", "/tasks/API-1/hold")

    async with waiting(app, *agents) as asking:
        await ada.finish("API-1")
        await until(lambda: sum(one.done() for one in asking) >= 8)
        await asyncio.sleep(0.3)
        claims = [one.result().json() for one in asking if one.done()]

    assert sorted(claim["task"]["key"] for claim in claims) == [f"API-{i}" for i in range(2, 10)]


async def test_a_lease_that_runs_out_is_taken_by_who_waits(
    database: Database, app: Nexus, ada: Person
) -> None:
    await ada.a_project()
    await ada.a_task()
    holder, agent = await an_agent(ada, "Holder"), await an_agent(ada)
    old = await holder.claim()

    async with waiting(app, agent) as [asking]:
        await expire(database, old)
        claim = await soon(asking)

    assert claim["task"]["key"] == "API-1"
    assert claim["fence"] > old["fence"]
    assert (await ada.get(f"/runs/{old['run_id']}"))["state"] == "expired"
    assert [one["run_id"] for one in claim["earlier"]] == [old["run_id"]]


async def test_who_waits_is_not_called_for_what_does_not_fit(app: Nexus, cast: Cast) -> None:
    ada = cast.ada
    await ada.a_project()
    await cast.grace.a_project("SEC", visibility="private")
    agent = await an_agent(ada, capabilities=["db"], max_complexity=5)

    async with waiting(app, agent) as [asking]:
        await ada.a_task(labels=["web"])
        await ada.a_task(labels=["db"], complexity_manual=9)
        await ada.a_task(labels=["db"], assignees=[cast.grace.id])
        await cast.grace.a_task("SEC", labels=["db"])
        await asyncio.sleep(0.5)
        is_still_waiting = not asking.done()
        await ada.a_task(labels=["DB"], complexity_manual=5)
        claim = await soon(asking)

    assert is_still_waiting
    assert claim["task"]["key"] == "API-4"


@pytest.mark.parametrize("how", ["paused", "all paused", "removed", "revoked"])
async def test_who_may_no_longer_work_gets_nothing_by_having_waited(
    app: Nexus, ada: Person, how: str
) -> None:
    await ada.a_project()
    agent = await an_agent(ada)
    [key] = (await ada.get(f"/agents/{agent.id}/keys"))["items"]
    ways = {
        "paused": ("PUT", f"/agents/{agent.id}/pause"),
        "all paused": ("PUT", "/agents/pause"),
        "removed": ("DELETE", f"/agents/{agent.id}"),
        "revoked": ("DELETE", f"/agents/{agent.id}/keys/{key['id']}"),
    }
    method, path = ways[how]

    async with waiting(app, agent, wait_s=3) as [asking]:
        stopped = await ada.call(method, path, json={} if method == "PUT" else None)
        await ada.a_task()
        answer = await asking

    assert stopped.is_success
    assert answer.status_code in {401, 404, 409} or answer.json()["task"] is None
    assert (await ada.get("/tasks/API-1"))["status"] == "todo"


async def test_a_repeated_wait_is_the_claim_that_it_led_to(app: Nexus, ada: Person) -> None:
    await ada.a_project()
    agent = await an_agent(ada)
    wish = {"wait_s": 2}
    headers = {"Idempotency-Key": "wait-1"}
    asking = asyncio.create_task(agent.call("POST", "/agents/assign", json=wish, headers=headers))
    await until(lambda: app.waiting_room.count == 1)
    await ada.a_task()
    first = await asking

    again = await agent.call("POST", "/agents/assign", json=wish, headers=headers)

    assert first.json()["task"]["key"] == "API-1"
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"


async def test_who_is_busy_hears_so_at_once(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task()
    agent = await an_agent(ada)
    await agent.claim()
    began_s = time.monotonic()

    refused = await agent.call("POST", "/agents/assign", json={"wait_s": 3})

    assert refusal(refused) == (409, "agent.busy")
    assert time.monotonic() - began_s < 2


async def test_who_may_take_more_while_it_waits_gets_more(app: Nexus, ada: Person) -> None:
    await ada.a_project()
    await ada.a_task(labels=["web"])
    agent = await an_agent(ada, capabilities=["db"])

    async with waiting(app, agent, wait_s=30) as [asking]:
        await ada.patch(f"/agents/{agent.id}", {"capabilities": ["web"]})
        claim = await soon(asking)

    assert claim["task"]["key"] == "API-1"


async def test_who_waits_is_called_when_what_it_asks_for_can_be_paid_again(
    app: Nexus, ada: Person
) -> None:
    await ada.a_project()
    await ada.a_task()
    agent = await an_agent(ada, reserve_tokens=100)
    await ada.call("PUT", "/budgets", json={"project": "API", "tokens": 10})

    async with waiting(app, agent) as [asking]:
        await asyncio.sleep(2.5)
        raised = await ada.call("PUT", "/budgets", json={"project": "API", "tokens": 1000})
        claim = await soon(asking)

    assert raised.status_code == 200
    assert claim["task"]["key"] == "API-1"


async def test_a_client_that_leaves_gets_no_task_and_the_next_one_does(
    app: Nexus, ada: Person
) -> None:
    await ada.a_project()
    gone, stays = await an_agent(ada, "Gone"), await an_agent(ada, "Stays")
    already = app.waiting_room.count
    leave = asyncio.Event()
    asking = asyncio.create_task(ask_and_leave(app, gone, leave))
    await until(lambda: app.waiting_room.count == already + 1)

    async with waiting(app, stays) as [other]:
        leave.set()
        await until(lambda: app.waiting_room.count == already + 1)
        await ada.a_task()
        claim = await soon(other)
        await asking

    assert claim["task"]["hold"]["holder"]["id"] == stays.id
    assert (await ada.get(f"/agents/{gone.id}"))["totals"]["runs"] == 0


async def test_those_who_wait_hold_no_connection_and_ask_nothing(
    database: Database, app: Nexus, statements: Statements, ada: Person
) -> None:
    await ada.a_project()
    agents = [await an_agent(ada, f"Coder {i}") for i in range(40)]
    pools: list[Any] = [engine.sync_engine.pool for engine in database.engines]

    async with waiting(app, *agents):
        await until(lambda: all(pool.checkedout() == 0 for pool in pools))
        await asyncio.sleep(0.3)
        with statements.counted():
            await asyncio.sleep(2.5)
        asked = len(statements)
        listed = await ada.get("/agents", limit=200)

    assert len(listed["items"]) == 40
    assert asked <= 15
    await until(lambda: app.waiting_room.count == 0)


async def make_unready(ada: Person, other: Robot, what: str) -> tuple[str, Any]:
    """A task that cannot be taken yet, and what makes it ready."""
    limit = {"project": "API", "max_running": 0}
    lifted = limit | {"max_running": 1}
    if what in {"dependency", "subtask", "files"}:
        await ada.a_task(footprint=["src"])
        await ada.call("PUT", "/tasks/API-1/hold")
        await ada.a_task(**READY_AFTER[what])
        if what == "subtask":
            await ada.patch("/tasks/API-1", {"parent": "API-2"})
        return "API-2", lambda: ada.finish("API-1")
    if what == "creation":
        return "API-1", ada.a_task
    await ada.a_task(**READY_AFTER.get(what, {}))
    claim = await other.claim() if what == "release" else None
    if what == "limit":
        await ada.call("PUT", "/work-limits", json=limit)
    ways: dict[str, Any] = {
        "status": lambda: ada.patch("/tasks/API-1/status", {"status": "todo"}),
        "release": lambda: other.release(claim),
        "assignees": lambda: ada.patch("/tasks/API-1", {"assignees": []}),
        "limit": lambda: ada.call("PUT", "/work-limits", json=lifted),
    }
    if what == "assignees":
        await ada.patch("/tasks/API-1", {"assignees": [ada.id]})
    return "API-1", ways[what]


async def ask_and_leave(app: Nexus, agent: Robot, leave: asyncio.Event) -> None:
    """A request whose client hangs up when told."""
    body = json.dumps({"wait_s": 30}).encode()
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": f"{API}/agents/assign", "root_path": "", "query_string": b"",
        "raw_path": f"{API}/agents/assign".encode(), "client": ("192.0.2.9", 1),
        "server": ("nexus.test", 80),
        "headers": [
            (b"host", b"nexus.test"), (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"authorization", f"Bearer {agent.key}".encode()),
        ],
    }  # fmt: skip
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        if messages:
            return messages.pop()
        await leave.wait()
        return {"type": "http.disconnect"}

    async def send(_message: Any) -> None:
        return

    await app(scope, receive, send)
