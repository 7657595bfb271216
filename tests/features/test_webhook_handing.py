"""What webhooks are handed of the log, and what comes of each attempt: on both databases."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from nexus.clients.webhooks import Answer
from nexus.features.keys.wiring import key_service
from nexus.features.webhooks.domain import DELIVER, PAUSES, DeliveryId, WebhookId
from nexus.features.webhooks.handing import DISABLED_AFTER
from nexus.features.webhooks.jobs import hand_out
from nexus.features.webhooks.repository import DeliveryRepository
from nexus.features.webhooks.tables import WebhookDeliveryRow, WebhookRow
from nexus.features.webhooks.wiring import handing, webhook_repository
from nexus.platform.actor import ROLE_PERMISSIONS, Role
from nexus.platform.clock import now
from nexus.platform.database import Database
from nexus.platform.jobs.store import JobSeen, JobState, JobStore
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


async def _refused(person: Person, method: str, path: str) -> tuple[int, str]:
    answer = await person.call(method, path)
    return answer.status_code, answer.json()["code"]


async def _tested(database: Database, person: Person, path: str) -> Any:
    """A delivery that waits: the one of a new test event."""
    await person.call("POST", f"{path}/tests")
    await hand_out(database)
    return (await _deliveries(person, path))[-1]


async def _set(database: Database, table: Any, row_id: str, **values: Any) -> None:
    async with database.system() as tx:
        await tx.execute(update(table).where(table.id == UUID(row_id)).values(values))


async def _an_admin(database: Database, cast: Cast) -> Person:
    """Grace, with another role and a key that may do what it allows."""
    await cast.ada.patch(f"/users/{cast.grace.id}", {"role": "admin"})
    permissions = ROLE_PERMISSIONS[Role.ADMIN]
    actor = replace(cast.grace.actor, role=Role.ADMIN, permissions=permissions)
    async with database.transaction(actor.workspace_id) as tx:
        key = await key_service(tx).create("admin", scopes=None, expires_at=None, by=actor)
    return replace(cast.grace, actor=actor, key=key.text)


async def _jobs(database: Database, delivery: Any) -> list[JobSeen]:
    """The jobs of a delivery, the oldest first."""
    store = JobStore(database.url)
    found = await store.list_jobs(name=DELIVER, limit=10_000)
    store.close()
    return [one for one in found if one.arguments[-1] == delivery["id"]][::-1]


async def test_what_its_maker_cannot_see_is_not_sent(database: Database, cast: Cast) -> None:
    grace = await _an_admin(database, cast)
    hers, _ = await _create(grace, "task.*", "project.*")
    adas, _ = await _create(cast.ada, "task.*", "project.*")
    await cast.ada.a_project("SEC", visibility="private")
    await cast.ada.a_task("SEC", "Hidden")
    await cast.ada.a_project("API")

    await hand_out(database)

    subject = {e["seq"]: e["project_id"] for e in await cast.ada.events()}
    secret = (await cast.ada.get("/projects/SEC"))["id"]
    seen = [subject[one["seq"]] for one in await _deliveries(grace, hers)]
    assert seen
    assert secret not in seen
    assert secret in [subject[one["seq"]] for one in await _deliveries(cast.ada, adas)]
    assert (await grace.get(hers))["place"] == (await cast.ada.get(adas))["place"]


async def test_what_became_private_since_is_not_sent(database: Database, cast: Cast) -> None:
    grace = await _an_admin(database, cast)
    await cast.ada.a_project("WEB")
    path, _ = await _create(grace, "task.created")
    await cast.ada.a_task("WEB")
    await hand_out(database)
    (delivery,) = await _deliveries(grace, path)
    await cast.ada.patch("/projects/WEB", {"visibility": "private"})

    workspace_id = cast.ada.actor.workspace_id
    async with database.reading(workspace_id, viewer=grace.actor.id) as tx:
        message = await handing(tx).message(DeliveryId(UUID(delivery["id"])))
    await _settle(database, cast.ada, delivery, None)

    (given_up,) = await _deliveries(grace, path)
    assert message is None
    assert given_up["state"] == "failed"
    assert "can see" in given_up["error"]


async def test_events_are_handed_on_once_by_however_many_at_once(
    database: Database, ada: Person
) -> None:
    await ada.a_project()
    paths = [(await _create(ada, "task.*"))[0] for _ in range(3)]
    is_over = asyncio.Event()

    async def write() -> None:
        for number in range(15):
            await ada.a_task(title=f"Task {number}")

    async def hand() -> None:
        while not is_over.is_set():
            await hand_out(database)

    handers = [asyncio.create_task(hand()) for _ in range(4)]
    await asyncio.gather(*(write() for _ in range(3)))
    is_over.set()
    await asyncio.gather(*handers)
    await hand_out(database)

    wanted = [e["seq"] for e in await ada.events() if e["name"].startswith("task.")]
    assert len(wanted) == 45
    for path in paths:
        assert [one["seq"] for one in await _deliveries(ada, path)] == wanted


async def test_more_than_one_page_of_events_is_handed_on(database: Database, ada: Person) -> None:
    path, _ = await _create(ada, "view.*")
    await ada.patch(path, {"is_enabled": False})
    for number in range(205):
        await ada.post("/views", {"name": f"View {number}", "query": {}})
    while await hand_out(database):
        pass
    before = await _deliveries(ada, path)

    await ada.patch(path, {"is_enabled": True})
    while await hand_out(database):
        pass

    page = await ada.get(f"{path}/deliveries", limit=200)
    rest = await ada.get(f"{path}/deliveries", limit=200, cursor=page["next_cursor"])
    assert before == []
    assert len(page["items"] + rest["items"]) == 205
    assert len({one["seq"] for one in page["items"] + rest["items"]}) == 205


async def test_an_attempt_that_fails_is_followed_by_another_one(
    database: Database, ada: Person
) -> None:
    path, _ = await _create(ada, "x.*")
    delivery = await _tested(database, ada, path)

    await _settle(database, ada, delivery, NOT_TAKEN)
    failing = await ada.get(path)
    (between,) = await _deliveries(ada, path)
    waiting = await _jobs(database, delivery)
    await _settle(database, ada, delivery, TAKEN)

    (after,) = await _deliveries(ada, path)
    assert (between["state"], between["attempts"], between["status"]) == ("waiting", 1, 500)
    assert between["error"] == "The receiver answered 500."
    assert failing["failing_since"] is not None
    assert [one.state for one in waiting] == [JobState.WAITING, JobState.DELAYED]
    assert (after["state"], after["attempts"], after["status"]) == ("delivered", 2, 200)
    assert after["error"] is None
    assert (await ada.get(path))["failing_since"] is None
    assert len(await _jobs(database, delivery)) == 2


def test_the_attempts_go_on_for_a_day() -> None:
    assert len(PAUSES) == 10
    assert sorted(PAUSES) == PAUSES
    assert sum(PAUSES, timedelta()) >= DISABLED_AFTER


@pytest.mark.parametrize(
    ("failing_for", "answer", "is_enabled", "state"),
    [
        (DISABLED_AFTER + timedelta(minutes=1), NOT_TAKEN, False, "failed"),
        (DISABLED_AFTER - timedelta(minutes=1), NOT_TAKEN, True, "failed"),
        (DISABLED_AFTER + timedelta(minutes=1), TAKEN, True, "delivered"),
    ],
)
async def test_a_webhook_that_took_nothing_for_a_day_is_switched_off(
    database: Database,
    ada: Person,
    failing_for: timedelta,
    answer: Answer,
    is_enabled: bool,
    state: str,
) -> None:
    path, _ = await _create(ada, "x.*")
    delivery = await _tested(database, ada, path)
    await _set(database, WebhookDeliveryRow, delivery["id"], attempts=len(PAUSES))
    await _set(database, WebhookRow, path.split("/")[-1], failing_since_at=now() - failing_for)

    await _settle(database, ada, delivery, answer)

    webhook, (settled,) = await ada.get(path), await _deliveries(ada, path)
    assert (settled["state"], settled["attempts"]) == (state, len(PAUSES) + 1)
    assert webhook["is_enabled"] is is_enabled
    assert (webhook["failing_since"] is None) is (answer is TAKEN)
    assert len(await _jobs(database, delivery)) == 1
    event = await ada.last_event()
    assert (event["name"] == "webhook.disabled") is not is_enabled
    if not is_enabled:
        assert (event["actor"], event["subject"]) == (None, f"webhook:{webhook['id']}")
        assert "took nothing for a day" in event["payload"]["why"]
        assert webhook["disabled_why"] == event["payload"]["why"]


async def test_before_the_last_attempt_no_webhook_is_switched_off(
    database: Database, ada: Person
) -> None:
    path, _ = await _create(ada, "x.*")
    delivery = await _tested(database, ada, path)
    long_ago = now() - timedelta(days=9)
    await _set(database, WebhookDeliveryRow, delivery["id"], attempts=len(PAUSES) - 1)
    await _set(database, WebhookRow, path.split("/")[-1], failing_since_at=long_ago)

    await _settle(database, ada, delivery, NOT_TAKEN)

    (settled,) = await _deliveries(ada, path)
    assert (settled["state"], settled["attempts"]) == ("waiting", len(PAUSES))
    assert (await ada.get(path))["is_enabled"] is True
    assert len(await _jobs(database, delivery)) == 2


async def test_a_delivery_is_sent_again_when_it_is_over(database: Database, ada: Person) -> None:
    path, _ = await _create(ada, "x.*")
    delivery = await _tested(database, ada, path)
    attempts = f"{path}/deliveries/{delivery['id']}/attempts"

    while_waiting = await _refused(ada, "POST", attempts)
    await _settle(database, ada, delivery, TAKEN)
    again = await ada.post(attempts, None)
    twice = await _refused(ada, "POST", attempts)

    assert while_waiting == twice == (409, "webhook.delivery_waiting")
    assert (again["state"], again["attempts"], again["id"]) == ("waiting", 0, delivery["id"])
    assert len(await _jobs(database, delivery)) == 2
    other, _ = await _create(ada)
    elsewhere = f"{other}/deliveries/{delivery['id']}/attempts"
    assert await _refused(ada, "POST", elsewhere) == (404, "webhook.delivery_not_found")


async def test_what_waits_while_a_webhook_is_off_is_given_up_with_a_sentence(
    database: Database, ada: Person
) -> None:
    path, _ = await _create(ada, "x.*")
    delivery = await _tested(database, ada, path)
    await ada.patch(path, {"is_enabled": False})
    async with database.reading(ada.actor.workspace_id, viewer=ada.actor.id) as tx:
        message = await handing(tx).message(DeliveryId(UUID(delivery["id"])))

    await _settle(database, ada, delivery, None)

    (given_up,) = await _deliveries(ada, path, state="failed")
    assert message is None
    assert given_up["error"] == "The webhook is switched off."
    assert len(await _jobs(database, delivery)) == 1


async def test_switched_on_again_it_goes_on_where_it_was(database: Database, ada: Person) -> None:
    await ada.a_project()
    path, _ = await _create(ada, "task.created")
    await ada.a_task()
    await hand_out(database)
    off = await ada.patch(path, {"is_enabled": False})
    await ada.a_task()
    await hand_out(database)
    while_off = await _deliveries(ada, path)

    on = await ada.patch(path, {"is_enabled": True})
    await ada.a_task()
    await hand_out(database)

    created = [one["seq"] for one in await ada.events() if one["name"] == "task.created"]
    assert (off["is_enabled"], off["version"], off["disabled_at"] is None) == (False, 2, False)
    assert (on["is_enabled"], on["version"], on["disabled_at"]) == (True, 3, None)
    assert [one["seq"] for one in while_off] == created[:1]
    assert [one["seq"] for one in await _deliveries(ada, path)] == created
    assert len(created) == 3


async def test_both_secrets_sign_until_the_overlap_is_over(database: Database, ada: Person) -> None:
    path, first = await _create(ada, "x.*")
    delivery = DeliveryId(UUID((await _tested(database, ada, path))["id"]))

    async def signing() -> tuple[str, ...]:
        async with database.reading(ada.actor.workspace_id, viewer=ada.actor.id) as tx:
            message = await handing(tx).message(delivery)
        assert message is not None
        return message.secrets

    before = await signing()
    second = (await ada.post(f"{path}/rotations", {"overlap_s": 60}))["secret"]
    during = await signing()
    await _set(database, WebhookRow, path.split("/")[-1], old_secret_ends_at=now())
    after = await signing()
    third = (await ada.post(f"{path}/rotations", {"overlap_s": 0}))["secret"]

    assert (before, during, after) == ((first,), (second, first), (second,))
    assert await signing() == (third,)
    assert len({first, second, third}) == 3
    event = await ada.last_event()
    assert event["name"] == "webhook.rotated"
    assert third not in str(event)


async def test_removing_a_webhook_leaves_nothing_to_do(database: Database, ada: Person) -> None:
    path, _ = await _create(ada)
    delivery = await _tested(database, ada, path)
    await ada.delete(path)

    async with database.reading(ada.actor.workspace_id) as tx:
        maker = await handing(tx).maker_of(DeliveryId(UUID(delivery["id"])))
        message = await handing(tx).message(DeliveryId(UUID(delivery["id"])))
    await _settle(database, ada, delivery, TAKEN)

    assert (maker, message) == (None, None)
    assert len(await _jobs(database, delivery)) == 1
    async with database.transaction(ada.actor.workspace_id) as tx:
        assert await handing(tx).hand_out(WebhookId(UUID(path.split("/")[-1]))) is False


async def test_an_answer_that_comes_while_its_webhook_is_being_removed_is_let_go(
    database: Database, ada: Person
) -> None:
    path, _ = await _create(ada)
    delivery = await _tested(database, ada, path)
    webhook_id = WebhookId(UUID(path.split("/")[-1]))

    async with database.transaction(ada.actor.workspace_id) as tx:
        await webhook_repository(tx).get(webhook_id, lock=True)
        await webhook_repository(tx).remove(webhook_id)
        settling = asyncio.create_task(_settle(database, ada, delivery, TAKEN))
        await asyncio.sleep(0.2)

    await settling
    assert await _jobs(database, delivery)


async def test_deliveries_are_forgotten_when_they_are_over_and_old(
    database: Database, ada: Person
) -> None:
    path, _ = await _create(ada)
    done, waiting, young = [await _tested(database, ada, path) for _ in range(3)]
    for one in (done, waiting):
        long_ago = now() - timedelta(days=31)
        await _set(database, WebhookDeliveryRow, one["id"], created_at=long_ago)
    for one in (done, young):
        await _settle(database, ada, one, TAKEN)

    async with database.system() as tx:
        gone = await DeliveryRepository(tx).forget(now() - timedelta(days=30), 500)

    left = [one["id"] for one in await _deliveries(ada, path)]
    assert gone >= 1
    assert done["id"] not in left
    assert {waiting["id"], young["id"]} <= set(left)
