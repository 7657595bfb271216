"""What wants somebody: raised once per cause, cleared when it is over, on both databases."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import column, table, update

from nexus.entrypoints.http import Nexus
from nexus.entrypoints.readiness import ReadinessCheck
from nexus.features.alerts.jobs import check_all
from nexus.features.webhooks.tables import WebhookRow
from nexus.platform.backups import BackupPlan
from nexus.platform.clock import now
from nexus.platform.database import Database
from nexus.platform.jobs.store import JobStore
from tests.cast import Cast, Person
from tests.features.people import a_client, a_member, sign_in

REFUSED, FAILING, FAILED, WAITING = (
    "credential_refused",
    "webhook_failing",
    "job_failed",
    "job_waiting",
)


@pytest.fixture
async def store(database: Database) -> AsyncIterator[JobStore]:
    store = JobStore(database.url)
    yield store
    store.close()


async def _alerts(person: Person, **params: Any) -> list[Any]:
    return (await person.get("/alerts", limit=200, **params))["items"]


async def _told(person: Person) -> list[tuple[str, str, str]]:
    """What events say of alerts, the oldest first."""
    return [
        (event["name"], event["payload"]["rule"], event["payload"]["about"])
        for event in await person.events(name="alert.*")
    ]


async def _a_failing_webhook(database: Database, person: Person, *, since: timedelta) -> str:
    body = {"name": "Hook", "url": "https://hook.test/here", "events": ["task.*"]}
    webhook_id = (await person.post("/webhooks", body))["webhook"]["id"]
    await _set_failing(database, webhook_id, since)
    return webhook_id


async def _set_failing(database: Database, webhook_id: str, since: timedelta | None) -> None:
    moment = now() - since if since else None
    async with database.system() as tx:
        await tx.execute(
            update(WebhookRow)
            .where(WebhookRow.id == UUID(webhook_id))
            .values(failing_since_at=moment)
        )


async def _a_job(database: Database, store: JobStore, person: Person, **values: Any) -> str:
    """The id, as its workspace knows it, of a job that nobody carries out."""
    async with database.transaction(person.actor.workspace_id) as tx:
        tx.enqueue("trials.nothing", key="one")
    await _set_job(database, store, person, **values)
    return "trials.nothing:one"


async def _set_job(database: Database, store: JobStore, person: Person, **values: Any) -> None:
    names = ("workflow_uuid", "status", "created_at", "updated_at", "completed_at")
    jobs = table("workflow_status", *(column(name) for name in names), schema=store._schema)
    own = f"ws/{person.workspace_id}/trials.nothing:one"
    async with database.system() as tx:
        await tx.execute(update(jobs).where(jobs.c.workflow_uuid == own).values(values))


def _ms(ago: timedelta) -> int:
    return int((now() - ago).timestamp() * 1000)


async def test_a_webhook_that_takes_nothing_for_an_hour_is_told_once_and_cleared(
    database: Database, store: JobStore, ada: Person
) -> None:
    webhook_id = await _a_failing_webhook(database, ada, since=timedelta(minutes=61))
    about = f"webhook:{webhook_id}"

    await check_all(database, store)
    await check_all(database, store)
    raised = await _alerts(ada)
    told = await _told(ada)
    await _set_failing(database, webhook_id, None)
    await check_all(database, store)
    await check_all(database, store)

    (alert,) = raised
    assert (alert["rule"], alert["about"], alert["cleared_at"]) == (FAILING, about, None)
    assert "Hook" in alert["message"]
    assert told == [("alert.raised", FAILING, about)]
    (cleared,) = await _alerts(ada)
    assert cleared == alert | {"cleared_at": cleared["cleared_at"]}
    assert cleared["cleared_at"] >= alert["raised_at"]
    assert await _told(ada) == [*told, ("alert.cleared", FAILING, about)]


async def test_what_comes_again_after_it_was_over_is_an_alert_of_its_own(
    database: Database, store: JobStore, ada: Person
) -> None:
    webhook_id = await _a_failing_webhook(database, ada, since=timedelta(hours=2))
    await check_all(database, store)
    await _set_failing(database, webhook_id, None)
    await check_all(database, store)

    await _set_failing(database, webhook_id, timedelta(hours=2))
    await check_all(database, store)

    newest, oldest = await _alerts(ada)
    assert newest["id"] != oldest["id"]
    assert (newest["cleared_at"] is None, oldest["cleared_at"] is None) == (True, False)
    names = [name for name, _, _ in await _told(ada)]
    assert names == ["alert.raised", "alert.cleared", "alert.raised"]


async def test_a_webhook_that_fails_for_less_than_an_hour_is_left_alone(
    database: Database, store: JobStore, ada: Person
) -> None:
    await _a_failing_webhook(database, ada, since=timedelta(minutes=58))

    await check_all(database, store)

    assert await _alerts(ada) == []
    assert await _told(ada) == []


async def test_a_job_that_failed_is_told_until_it_is_a_day_old(
    database: Database, store: JobStore, ada: Person
) -> None:
    at = _ms(timedelta(hours=1))
    job = await _a_job(database, store, ada, status="ERROR", created_at=at, completed_at=at)
    await check_all(database, store)
    await check_all(database, store)
    (alert,) = await _alerts(ada, open=True)

    long_ago = _ms(timedelta(hours=25))
    await _set_job(database, store, ada, created_at=long_ago, completed_at=long_ago)
    await check_all(database, store)

    assert (alert["rule"], alert["about"]) == (FAILED, f"job:{job}")
    assert job in alert["message"]
    assert await _alerts(ada, open=True) == []
    names = [name for name, _, _ in await _told(ada)]
    assert names == ["alert.raised", "alert.cleared"]


async def test_a_failed_job_that_is_done_in_the_end_is_no_alert_any_more(
    database: Database, store: JobStore, ada: Person
) -> None:
    await _a_job(database, store, ada, status="ERROR")
    await check_all(database, store)
    before = await _alerts(ada, open=True)

    await _set_job(database, store, ada, status="SUCCESS")
    await check_all(database, store)

    assert [one["rule"] for one in before] == [FAILED]
    assert await _alerts(ada, open=True) == []


async def test_jobs_that_wait_for_a_quarter_of_an_hour_are_told(
    database: Database, store: JobStore, ada: Person
) -> None:
    await _a_job(database, store, ada, created_at=1, updated_at=_ms(timedelta(minutes=14)))
    await check_all(database, store)
    before = await _alerts(ada)

    await _set_job(database, store, ada, updated_at=_ms(timedelta(minutes=16)))
    await check_all(database, store)
    (alert,) = await _alerts(ada)
    await _set_job(database, store, ada, status="SUCCESS")
    await check_all(database, store)

    assert before == []
    assert (alert["rule"], alert["about"]) == (WAITING, "jobs:waiting")
    assert await _alerts(ada, open=True) == []


async def test_five_wrong_passwords_in_a_quarter_of_an_hour_are_told(
    database: Database, app: Nexus, store: JobStore, ada: Person
) -> None:
    user = await a_member(database, ada)
    attacker = a_client(app)
    for _ in range(4):
        await sign_in(attacker, user.email, "a guess")
    await check_all(database, store)
    before = await _alerts(ada)

    await sign_in(attacker, user.email, "a guess")
    await check_all(database, store)
    await check_all(database, store)

    (alert,) = await _alerts(ada)
    subjects = {event["subject"] for event in await ada.events(name="session.refused")}
    assert before == []
    assert alert["rule"] == REFUSED
    assert {alert["about"]} == subjects
    assert "5 times" in alert["message"]
    assert await _told(ada) == [("alert.raised", REFUSED, alert["about"])]


async def test_alerts_are_of_their_workspace_and_for_its_admins(
    database: Database, store: JobStore, cast: Cast
) -> None:
    await _a_failing_webhook(database, cast.ada, since=timedelta(hours=2))

    await check_all(database, store)

    refused = [await person.call("GET", "/alerts") for person in (cast.grace, cast.vic)]
    stranger = await cast.ada.http.get("/api/v1/alerts")
    assert [one["rule"] for one in await _alerts(cast.ada)] == [FAILING]
    assert [answer.status_code for answer in refused] == [403, 403]
    assert all(FAILING not in answer.text for answer in refused)
    assert stranger.status_code == 401
    assert await _alerts(cast.bob) == []
    assert await _told(cast.bob) == []


async def test_open_alerts_and_those_that_are_over_are_listed_apart(
    database: Database, store: JobStore, ada: Person
) -> None:
    over = await _a_failing_webhook(database, ada, since=timedelta(hours=2))
    await check_all(database, store)
    await _set_failing(database, over, None)
    still = await _a_failing_webhook(database, ada, since=timedelta(hours=2))
    await check_all(database, store)

    open_ones, over_ones = await _alerts(ada, open=True), await _alerts(ada, open=False)
    first = await ada.get("/alerts", limit=1)
    second = await ada.get("/alerts", limit=1, cursor=first["next_cursor"])

    assert [one["about"] for one in open_ones] == [f"webhook:{still}"]
    assert [one["about"] for one in over_ones] == [f"webhook:{over}"]
    assert first["items"] + second["items"] == open_ones + over_ones
    assert second["next_cursor"] is None


async def test_readiness_counts_alerts_and_names_nothing_of_them(
    database: Database, store: JobStore, app: Nexus, ada: Person
) -> None:
    webhook_id = await _a_failing_webhook(database, ada, since=timedelta(hours=2))
    await check_all(database, store)

    readiness = ReadinessCheck(database, None, _plan(database, Path("nowhere"), hour=None))
    found = await readiness()
    page = await replace(ada, http=a_client(app)).http.get("/readyz")

    assert (found.status, found.checks) == ("ok", {"database": "ok"})
    assert found.warnings["alerts"].split()[0].isdecimal()
    assert page.status_code == 200
    for secret in ("Hook", webhook_id, str(ada.workspace_id), ada.user.email):
        assert secret not in str(found.warnings)
        assert secret not in page.text


def _plan(database: Database, folder: Path, hour: int | None) -> BackupPlan:
    return BackupPlan(url=database.url, folder=folder, hour=hour, keep=7, programs=None)


@pytest.mark.parametrize(
    ("hours_up", "newest_hours_ago", "is_planned", "is_warned"),
    [
        (5, None, True, True),
        (5, None, False, False),
        (1, None, True, False),
        (5, 30, True, True),
        (5, 1, True, False),
        (5, 3, True, False),
    ],
)
async def test_a_backup_that_is_two_hours_late_is_warned_of(
    database: Database,
    tmp_path: Path,
    hours_up: int,
    newest_hours_ago: int | None,
    is_planned: bool,
    is_warned: bool,
) -> None:
    due = now() - timedelta(hours=3)
    if newest_hours_ago is not None:
        taken = now() - timedelta(hours=newest_hours_ago)
        (tmp_path / f"nexus-{taken:%Y%m%dT%H%M%SZ}.db").touch()
    plan = _plan(database, tmp_path, hour=due.hour if is_planned else None)
    readiness = ReadinessCheck(database, None, plan)
    readiness._started_at = now() - timedelta(hours=hours_up)

    found = await readiness()

    assert found.status == "ok"
    assert ("backup" in found.warnings) is is_warned
    if is_warned:
        assert f"{due.hour}:00 UTC" in found.warnings["backup"]
        assert str(tmp_path) in found.warnings["backup"]
