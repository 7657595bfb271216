"""A repeated request with its Idempotency-Key gets the first answer and changes nothing."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest
from sqlalchemy import select, update

from nexus.platform.clock import now
from nexus.platform.database import Database
from nexus.platform.rows import IdempotencyKeyRow
from tests.cast import Cast, Person

TASK = {"project": "API", "title": "Once"}


async def test_a_repeated_request_gets_the_same_answer_and_does_nothing(ada: Person) -> None:
    await ada.a_project()
    first = await _post(ada, "/tasks", TASK, "once")
    event = await ada.last_event()

    second = await _post(ada, "/tasks", TASK, "once")

    assert (second.status_code, second.content) == (201, first.content)
    for name in ("ETag", "Content-Type", "Content-Length"):
        assert second.headers[name] == first.headers[name]
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert await ada.last_event() == event


async def test_what_is_replayed_is_the_answer_of_then_and_not_of_now(ada: Person) -> None:
    await ada.a_project()
    first = await _post(ada, "/tasks", TASK, "then")
    await ada.patch("/tasks/API-1", {"title": "Changed since"})

    second = await _post(ada, "/tasks", TASK, "then")

    assert second.json() == first.json()
    assert (await ada.get("/tasks/API-1"))["title"] == "Changed since"


async def test_a_replay_comes_before_a_look_at_the_version(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task()
    headers = {"Idempotency-Key": "rename", "If-Match": '"1"'}
    first = await ada.call("PATCH", "/tasks/API-1", json={"title": "New"}, headers=headers)

    second = await ada.call("PATCH", "/tasks/API-1", json={"title": "New"}, headers=headers)

    assert (first.status_code, first.headers["ETag"]) == (200, '"2"')
    assert (second.status_code, second.headers["ETag"]) == (200, '"2"')


async def test_an_answer_without_a_body_is_replayed_too(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task(labels=["old"])
    [label] = (await ada.get("/labels"))["items"]
    path, headers = f"/labels/{label['id']}", {"Idempotency-Key": "remove"}
    first = await ada.call("DELETE", path, headers=headers)

    second = await ada.call("DELETE", path, headers=headers)
    without = await ada.call("DELETE", path)

    assert (first.status_code, second.status_code, without.status_code) == (204, 204, 404)
    assert second.content == b""
    assert second.headers["Idempotent-Replayed"] == "true"


async def test_what_was_refused_may_be_tried_again_with_the_same_key(ada: Person) -> None:
    refused = await _post(ada, "/tasks", TASK, "retry")
    await ada.a_project()

    made = await _post(ada, "/tasks", TASK, "retry")

    assert refused.status_code in {404, 422}
    assert made.status_code == 201
    assert "Idempotent-Replayed" not in made.headers


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/tasks", TASK | {"title": "Another"}),
        ("POST", "/projects", {"key": "WEB", "name": "Web"}),
        ("PATCH", "/tasks/API-1", {"title": "Another"}),
        ("DELETE", "/tasks/API-1/dependencies/API-2", None),
    ],
)
async def test_a_key_is_refused_for_another_request(
    ada: Person, method: str, path: str, body: Any
) -> None:
    await ada.a_project()
    await _post(ada, "/tasks", TASK, "taken")
    before = await ada.last_event()
    options = {} if body is None else {"json": body}

    refused = await ada.call(method, path, headers={"Idempotency-Key": "taken"}, **options)

    assert refused.status_code == 422, refused.text
    assert refused.json()["code"] == "idempotency.key_reused"
    assert await ada.last_event() == before


async def test_the_query_belongs_to_the_request_that_a_key_names(ada: Person) -> None:
    await ada.a_project()
    await _post(ada, "/tasks", TASK, "query")
    path = f"/tasks?workspace={ada.workspace_id}"

    refused = await _post(ada, path, TASK, "query")

    assert refused.status_code == 422


@pytest.mark.parametrize(
    "key", [b"", b"x" * 256, b"with space", b"tab\there", "schlüssel".encode(), b"\x7f"]
)
async def test_a_key_that_cannot_be_used_is_refused(ada: Person, key: bytes) -> None:
    await ada.a_project()

    refused = await ada.call(
        "POST",
        "/tasks",
        json=TASK,
        headers={b"Idempotency-Key": key},  # pyright: ignore[reportArgumentType]
    )

    assert refused.status_code == 422, refused.text
    assert refused.json()["code"] == "idempotency.key_not_usable"
    assert (await ada.get("/tasks"))["items"] == []


@pytest.mark.parametrize("key", ["x", "x" * 255, "!#$%&'*+-.^_`|~:/?@[]{}()<>,;=\\\""])
async def test_a_key_is_any_visible_text(ada: Person, key: str) -> None:
    await ada.a_project()

    answers = [await _post(ada, "/tasks", TASK, key) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content


async def test_a_key_belongs_to_the_credential_that_sends_it(cast: Cast) -> None:
    await cast.ada.a_project()
    await cast.bob.a_project()

    answers = [
        await _post(person, "/tasks", TASK, "shared") for person in (cast.ada, cast.grace, cast.bob)
    ]

    assert [answer.json()["key"] for answer in answers] == ["API-1", "API-2", "API-1"]
    assert len({answer.json()["id"] for answer in answers}) == 3


async def test_a_key_is_forgotten_after_a_day(ada: Person, database: Database) -> None:
    await ada.a_project()
    key = f"yesterday-{uuid4()}"
    await _post(ada, "/tasks", TASK, key)
    async with database.system() as tx:
        found = await tx.execute(
            select(IdempotencyKeyRow.expires_at).where(IdempotencyKeyRow.key == key)
        )
        lifetime = found.scalar_one() - now()
        await tx.execute(
            update(IdempotencyKeyRow).where(IdempotencyKeyRow.key == key).values(expires_at=now())
        )

    again = await _post(ada, "/tasks", TASK, key)
    replayed = await _post(ada, "/tasks", TASK, key)

    assert timedelta(hours=23, minutes=50) < lifetime <= timedelta(hours=24)
    assert again.json()["key"] == "API-2"
    assert "Idempotent-Replayed" not in again.headers
    assert (replayed.content, replayed.headers["Idempotent-Replayed"]) == (again.content, "true")


async def test_an_expired_key_may_name_another_request(ada: Person, database: Database) -> None:
    await ada.a_project()
    key = f"yesterday-{uuid4()}"
    await _post(ada, "/tasks", TASK, key)
    async with database.system() as tx:
        await tx.execute(
            update(IdempotencyKeyRow).where(IdempotencyKeyRow.key == key).values(expires_at=now())
        )

    made = await _post(ada, "/projects", {"key": "WEB", "name": "Web"}, key)

    assert made.status_code == 201
    assert (await _post(ada, "/tasks", TASK, key)).status_code == 422


async def test_a_secret_is_shown_once_and_never_stored(ada: Person, database: Database) -> None:
    key = f"secret-{uuid4()}"
    first = await _post(ada, "/keys", {"name": "robot"}, key)

    second = await _post(ada, "/keys", {"name": "robot"}, key)

    assert first.status_code == 201
    assert (second.status_code, second.json()["code"]) == (409, "idempotency.answer_withheld")
    assert first.json()["secret"] not in second.text
    async with database.system_reading() as tx:
        found = await tx.execute(select(IdempotencyKeyRow).where(IdempotencyKeyRow.key == key))
        [row] = found.all()
    assert (row.status, row.body, row.headers) == (201, None, None)


async def test_a_key_is_of_no_consequence_for_reading(ada: Person) -> None:
    await ada.a_project()
    headers = {"Idempotency-Key": "look"}
    before = await ada.call("GET", "/tasks", headers=headers)
    await ada.a_task()

    after = await ada.call("GET", "/tasks", headers=headers)

    assert (len(before.json()["items"]), len(after.json()["items"])) == (0, 1)
    assert "Idempotent-Replayed" not in after.headers


async def _post(who: Person, path: str, body: Any, key: str) -> httpx.Response:
    return await who.call("POST", path, json=body, headers={"Idempotency-Key": key})
