"""Webhooks over HTTP, and what is handed on to them: rules, on both databases."""

import base64
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from nexus.clients.webhooks import Answer
from nexus.features.webhooks.domain import MOST_IN_A_WORKSPACE, DeliveryId
from nexus.features.webhooks.jobs import hand_out
from nexus.features.webhooks.wiring import handing
from nexus.platform.columns import Base
from nexus.platform.database import Database
from nexus.platform.jobs.store import JobStore
from tests.cast import Cast, Person

URL = "https://hook.test/here"
TAKEN = Answer(status=200, error=None, took_ms=3)
NOT_TAKEN = Answer(status=500, error="The receiver answered 500.", took_ms=3)


async def _create(person: Person, *events: str, **fields: Any) -> tuple[str, str]:
    """The path of a new webhook and its secret."""
    body = {"name": "Hook", "url": URL, "events": list(events)} | fields
    new = await person.post("/webhooks", body)
    return f"/webhooks/{new['webhook']['id']}", new["secret"]


async def _deliveries(person: Person, path: str, **params: Any) -> list[Any]:
    """The oldest event first."""
    return (await person.get(f"{path}/deliveries", limit=200, **params))["items"][::-1]


async def _settle(database: Database, person: Person, delivery: Any, answer: Answer | None) -> None:
    async with database.transaction(person.actor.workspace_id) as tx:
        await handing(tx).settle(DeliveryId(UUID(delivery["id"])), answer)


async def _refused(person: Person, method: str, path: str, body: Any = None) -> tuple[int, str]:
    options = {} if body is None else {"json": body}
    answer = await person.call(method, path, **options)
    return answer.status_code, answer.json()["code"]


async def _tested(database: Database, person: Person, path: str) -> Any:
    """A delivery that waits: the one of a new test event."""
    await person.call("POST", f"{path}/tests")
    await hand_out(database)
    return (await _deliveries(person, path))[-1]


async def _set(database: Database, table: Any, row_id: str, **values: Any) -> None:
    async with database.system() as tx:
        await tx.execute(update(table).where(table.id == UUID(row_id)).values(values))


async def _everything(database: Database, but: str) -> str:
    """All that the database holds, but for one table."""
    async with database.system_reading() as tx:
        tables = [one for one in Base.metadata.sorted_tables if one.name != but]
        return "".join([repr((await tx.execute(select(one))).all()) for one in tables])


async def test_the_secret_is_shown_once_and_kept_nowhere_else(
    database: Database, ada: Person
) -> None:
    new = await ada.post("/webhooks", {"name": "Hook", "url": URL}, **{"Idempotency-Key": "one"})
    path, secret = f"/webhooks/{new['webhook']['id']}", new["secret"]
    await _tested(database, ada, path)
    store = JobStore(database.url)

    shown = [
        await ada.call("GET", one)
        for one in (path, "/webhooks", f"{path}/deliveries", "/events", "/jobs?limit=200")
    ]
    jobs = [await store.find(one.id) for one in await store.list_jobs(limit=1000)]
    store.close()

    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    bare = secret.removeprefix("whsec_")
    assert all(one.status_code == 200 and bare not in one.text for one in shown)
    assert any(path.rpartition("/")[2] in one.text for one in shown[:2])
    assert jobs
    assert bare not in repr(jobs)
    assert bare not in await _everything(database, but="webhooks")


async def test_a_webhook_is_created_read_listed_changed_and_removed(ada: Person) -> None:
    path, _ = await _create(ada, "task.*", name=" My  hook ")

    webhook = await ada.get(path)
    assert (webhook["name"], webhook["url"], webhook["events"]) == ("My hook", URL, ["task.*"])
    assert (webhook["version"], webhook["is_enabled"]) == (1, True)
    assert (await ada.get("/webhooks"))["items"] == [webhook]
    changed = await ada.patch(path, {"events": ["task.commented"]}, **{"If-Match": '"1"'})
    assert (changed["events"], changed["version"]) == (["task.commented"], 2)
    assert (await ada.last_event())["name"] == "webhook.updated"
    stale = await ada.call("PATCH", path, json={"name": "x"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    assert await ada.patch(path, {"events": ["task.commented"]}) == changed
    await ada.delete(path)
    assert (await ada.last_event())["name"] == "webhook.removed"
    for method, more in (("GET", ""), ("GET", "/deliveries"), ("POST", "/tests"), ("DELETE", "")):
        assert await _refused(ada, method, path + more) == (404, "webhook.not_found")


async def test_an_address_is_told_to_admins_alone(ada: Person, vic: Person) -> None:
    path, _ = await _create(ada, url="https://hook.test/services/T0/first")

    await ada.patch(path, {"url": "https://other.test/services/T0/second"})

    told = str(await vic.events())
    assert "hook.test" in told
    assert "other.test" in told
    assert "services" not in told


@pytest.mark.parametrize(
    "url",
    [
        "hook.test", "/hook", "ftp://hook.test/", "file:///etc/passwd", "javascript:alert(1)",
        "https://", "https:///hook", "http://user@hook.test/", "http://user:word@hook.test/",
        "http://:word@hook.test/", "http://hook.test:99999/", "http://hook.test:0/",
        "http://hook.test:x/", "http://[::1/", "http://hook.test/a b", "http://größe.test/",
        "http://hook.test/ü", "gopher://127.0.0.1:6379/_x",
        "http://hook..test/", "http://" + "a" * 64 + ".test/", "http://hook.test/\x01",
        "http://hook.test\\@other.test/",
    ],
)  # fmt: skip
async def test_an_address_that_cannot_be_sent_to_is_refused_with_a_sentence(
    ada: Person, url: str
) -> None:
    path, _ = await _create(ada)

    created = await ada.call("POST", "/webhooks", json={"name": "x", "url": url})
    changed = await ada.call("PATCH", path, json={"url": url})

    for answer in (created, changed):
        assert (answer.status_code, answer.json()["code"]) == (422, "webhook.url_not_usable")
        assert "https://example.com/hook" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "url": URL, "secret": "mine"}, {"name": "x"}, {"url": URL},
        {"name": "", "url": URL}, {"name": "x" * 101, "url": URL}, {"name": "\x00", "url": URL},
        {"name": "x", "url": ""}, {"name": "x", "url": "https://a.test/" + "x" * 2000},
        {"name": "x", "url": URL, "events": ["*"]}, {"name": "x", "url": URL, "events": ["Task.*"]},
        {"name": "x", "url": URL, "events": ["task"] * 51},
        {"name": "x", "url": URL, "events": "task"}, {"name": "x", "url": URL, "place": 0}, [], "x",
    ],
)  # fmt: skip
async def test_a_body_that_is_none_is_refused(ada: Person, body: Any) -> None:
    answer = await ada.call("POST", "/webhooks", json=body)

    assert answer.status_code == 400, answer.text
    assert answer.json()["detail"]
    assert (await ada.get("/webhooks"))["items"] == []


async def test_admins_alone_have_to_do_with_webhooks(database: Database, cast: Cast) -> None:
    path, _ = await _create(cast.ada)
    delivery = await _tested(database, cast.ada, path)
    attempts = f"{path}/deliveries/{delivery['id']}/attempts"
    calls: list[tuple[str, str, Any]] = [
        ("GET", path, None), ("GET", f"{path}/deliveries", None), ("POST", f"{path}/tests", None),
        ("PATCH", path, {"name": "x"}), ("POST", f"{path}/rotations", {}), ("POST", attempts, None),
        ("DELETE", path, None),
    ]  # fmt: skip

    for method, called, body in calls:
        for person in (cast.grace, cast.vic):
            assert (await _refused(person, method, called, body))[0] == 403
        assert (await _refused(cast.bob, method, called, body))[0] == 404
    for person in (cast.grace, cast.vic):
        assert (await _refused(person, "GET", "/webhooks"))[0] == 403
        assert (await _refused(person, "POST", "/webhooks", {"name": "x", "url": URL}))[0] == 403
    assert (await cast.bob.get("/webhooks"))["items"] == []
    assert (await cast.ada.get(path))["version"] == 1


async def test_a_workspace_has_at_most_fifty(ada: Person) -> None:
    paths = [(await _create(ada))[0] for _ in range(MOST_IN_A_WORKSPACE)]

    refused = await _refused(ada, "POST", "/webhooks", {"name": "x", "url": URL})
    await ada.delete(paths[0])
    again, _ = await _create(ada)

    assert refused == (409, "webhook.too_many")
    assert again not in paths
    assert MOST_IN_A_WORKSPACE == 50


async def test_a_webhook_is_told_of_what_it_names_from_then_on(
    database: Database, ada: Person
) -> None:
    await ada.a_project()
    everything, _ = await _create(ada)
    tasks, _ = await _create(ada, "task.*")
    one, _ = await _create(ada, "task.status_changed", "task.commented")
    task = await ada.a_task()
    await ada.finish(task["key"])
    await ada.post(f"/tasks/{task['key']}/comments", {"body": "Done."})
    await ada.call("POST", f"{one}/tests")

    await hand_out(database)

    log = [(event["seq"], event["name"]) for event in await ada.events()]
    begin = next(seq for seq, name in log if name == "webhook.created")
    told = {
        path: [(one["seq"], one["event"]) for one in await _deliveries(ada, path)]
        for path in (everything, tasks, one)
    }
    assert told[everything] == [e for e in log if e[0] >= begin and e[1] != "webhook.tested"]
    assert told[tasks] == [e for e in log if e[1].startswith("task.")]
    assert told[one] == [
        e for e in log if e[1] in {"task.status_changed", "task.commented", "webhook.tested"}
    ]
    assert len(told[tasks]) >= 2
    assert len(told[one]) == 3
