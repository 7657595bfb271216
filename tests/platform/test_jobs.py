"""The job engine with real workers, which are stopped, killed and set beside each other."""

import asyncio
import random
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from nexus.platform.actor import WorkspaceId
from nexus.platform.database import Database
from nexus.platform.database_url import understand_url
from nexus.platform.errors import Invalid
from nexus.platform.jobs.engine import ATTEMPTS, FIRST_PAUSE_S
from nexus.platform.jobs.store import JobState, JobStore
from nexus.platform.migrating import migrate
from tests.cast import Person
from tests.conftest import DATABASES, a_postgres_database
from tests.platform.job_workers import (
    BEAT_S,
    LEASE_S,
    Trial,
    enqueued,
    finished_steps,
    reaches,
    rest,
    seen,
    tick,
    trying,
    until,
)
from tests.server import NEXUS

SEED = 20_261_121
STEPS = 4
COMES_TO = f"came to {sum(n**2 for n in range(1, STEPS + 1))}"
HELD = ["begin first", "end first", "begin second", "end second"]
NOTICED_S = 3
"""How long a worker may take to see a job: it looks for queues once a second, for jobs oftener."""


@pytest.fixture(scope="module", params=DATABASES)
def jobs_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Iterator[str]:
    """A migrated database whose jobs nobody else takes."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('jobs')}/nexus.db"
        migrate(understand_url(url))
        yield url
    else:
        with a_postgres_database(f"nexus_jobs_{worker_id}") as url:
            migrate(understand_url(url))
            yield url


@pytest.fixture(scope="module")
async def store(jobs_url: str) -> AsyncIterator[JobStore]:
    store = JobStore(understand_url(jobs_url))
    yield store
    store.close()


@pytest.fixture(scope="module")
async def jobs_database(jobs_url: str) -> AsyncIterator[Database]:
    url = understand_url(jobs_url)
    database = Database(url, jobs=JobStore(url))
    yield database
    await database.close()


@pytest.fixture
def trial(jobs_url: str, tmp_path: Path) -> Iterator[Trial]:
    with trying(jobs_url, tmp_path) as trial:
        yield trial


async def test_a_job_is_enqueued_with_its_transaction_and_once_per_key(
    jobs_database: Database, store: JobStore, trial: Trial
) -> None:
    workspace_id = WorkspaceId(uuid4())
    prefix = f"ws/{workspace_id}/"
    with pytest.raises(Invalid):
        await _written_and_refused(jobs_database, store, workspace_id)
    for text in ("first", "second"):
        async with jobs_database.transaction(workspace_id) as tx:
            tx.enqueue("trials.note", text, key="twice")
            tx.enqueue("trials.note", f"beside {text}", key=text)
    waiting = await store.list_jobs(prefix=prefix, states=[JobState.WAITING])

    trial.start()

    await until(lambda: len(trial.done(prefix)) == 3)
    await asyncio.sleep(0.5)
    assert len(waiting) == 3
    assert sorted(trial.done(prefix)) == ["beside first", "beside second", "first"]
    for one in waiting:
        await reaches(store, one.id, JobState.DONE)


async def _written_and_refused(
    database: Database, store: JobStore, workspace_id: WorkspaceId
) -> None:
    async with database.transaction(workspace_id) as tx:
        tx.enqueue("trials.note", "never", key="never")
        await tx.write_jobs(store)
        raise Invalid(reason="No.")


async def test_a_write_that_is_refused_leaves_no_job(database: Database, ada: Person) -> None:
    store = JobStore(database.url)
    prefix = f"ws/{ada.workspace_id}/"
    file = b'{"tasks": [{"id": 1, "title": "One"}]}'

    refused = await ada.call("POST", "/imports", content=b"{}")
    left = await store.list_jobs(prefix=prefix)
    asked = await ada.call("POST", "/imports", content=file)
    again = await store.list_jobs(prefix=prefix)
    store.close()

    assert 400 <= refused.status_code < 500
    assert left == []
    assert asked.status_code < 300
    assert [one.arguments[-1] for one in again] == [asked.json()["id"]]


@pytest.mark.parametrize("number", range(2))
async def test_a_kill_repeats_no_step_that_had_ended_and_leaves_no_trace_in_the_result(
    jobs_database: Database, store: JobStore, trial: Trial, number: int
) -> None:
    chance = random.Random(SEED + number)
    paces = [chance.uniform(0.02, 0.3) for _ in range(4)]
    jobs = [await enqueued(jobs_database, "trials.walk", str(STEPS), f"{s:.3f}") for s in paces]
    worker = trial.start()
    await until(lambda: bool(trial.noted()))

    await asyncio.sleep(chance.uniform(0, 0.8))
    trial.kill(worker)

    finished = {job: await finished_steps(store, job) for job in jobs}
    before = {job: trial.done(job) for job in jobs}
    trial.start()
    for job in jobs:
        await reaches(store, job, JobState.DONE)
        after = trial.done(job)[len(before[job]) :]
        left = sorted(set(range(1, STEPS + 1)) - finished[job])
        again = [f"{part} {n}" for n in left for part in ("begin", "end")]
        was_done = before[job][-1:] == [COMES_TO]
        assert after in ([*again, COMES_TO], [] if was_done else [*again, COMES_TO])
    assert any(before.values())
    assert any(finished[job] != set(range(1, STEPS + 1)) for job in jobs)


@pytest.mark.parametrize("jobs_url", ["postgresql"], indirect=True)  # one worker on SQLite
async def test_the_jobs_of_a_killed_worker_are_taken_over_within_its_lease(
    jobs_database: Database, store: JobStore, trial: Trial
) -> None:
    first = trial.start()
    jobs = [await enqueued(jobs_database, "trials.hold", "later") for _ in range(5)]
    await until(lambda: trial.done().count("begin second") == 5)
    second = trial.start()
    await asyncio.sleep(LEASE_S + 2 * BEAT_S)  # a worker that lives keeps what it has
    untouched = {one.worker for one in trial.noted()}

    trial.kill(first)
    killed_at = time.monotonic()
    await until(lambda: trial.done().count("begin second") == 10)
    took_s = time.monotonic() - killed_at

    trial.allow("later")
    for job in jobs:
        await reaches(store, job, JobState.DONE)
        assert trial.done(job) == HELD[:3] + HELD[2:]
        assert [one.worker for one in trial.noted(job)][-2:] == [second.pid] * 2
    assert untouched == {first.pid}
    assert took_s < LEASE_S + 2 * BEAT_S + NOTICED_S


async def test_a_worker_that_is_told_to_end_lets_a_short_step_end(
    jobs_database: Database, store: JobStore, trial: Trial
) -> None:
    worker = trial.start()
    job = await enqueued(jobs_database, "trials.walk", "2", "0.6")
    await until(lambda: "begin 1" in trial.done(job))

    took_s = trial.stop(worker)

    assert trial.done(job) == ["begin 1", "end 1", "begin 2", "end 2", "came to 5"]
    assert (await seen(store, job)).state is JobState.DONE
    assert took_s < 5


async def test_a_worker_that_is_told_to_end_hands_on_what_takes_longer(
    jobs_database: Database, store: JobStore, trial: Trial
) -> None:
    leaving = trial.start(drain_s=1)
    job = await enqueued(jobs_database, "trials.hold", "later")
    await until(lambda: "begin second" in trial.done(job))
    if not jobs_database.url.is_sqlite:
        heir = trial.start()
        await asyncio.sleep(0.5)

    took_s = trial.stop(leaving)
    between = (await seen(store, job)).state
    if jobs_database.url.is_sqlite:
        heir = trial.start()
    ended_at = time.monotonic()
    await until(lambda: trial.done(job).count("begin second") == 2)

    assert took_s < 4
    assert between in {JobState.RUNNING, JobState.WAITING}
    assert time.monotonic() - ended_at < BEAT_S + NOTICED_S
    trial.allow("later")
    await reaches(store, job, JobState.DONE)
    assert trial.done(job).count("begin first") == trial.done(job).count("end second") == 1
    assert trial.noted(job)[-1].worker == heir.pid


async def test_what_is_left_at_every_end_of_a_worker_is_never_called_failed(
    jobs_database: Database, store: JobStore, trial: Trial
) -> None:
    job = await enqueued(jobs_database, "trials.walk", "120", "0.02")

    for drain_s in (1, 0):
        worker = trial.start(drain_s=drain_s)
        began = len(trial.done(job))
        await until(lambda began=began: len(trial.done(job)) > began + 10)
        trial.stop(worker)

    assert (await seen(store, job)).state in {JobState.RUNNING, JobState.WAITING}
    trial.start()
    await reaches(store, job, JobState.DONE)
    assert trial.done(job)[-1] == f"came to {sum(n**2 for n in range(1, 121))}"


async def test_a_step_is_tried_again_with_growing_pauses_while_something_is_away(
    jobs_database: Database, store: JobStore, trial: Trial
) -> None:
    trial.start()

    job = await enqueued(jobs_database, "trials.stumble", "2")

    await reaches(store, job, JobState.DONE)
    noted = trial.noted(job)
    first, second = (noted[n + 1].at - noted[n].at for n in range(2))
    assert [one.what for one in noted] == ["try 1", "try 2", "try 3"]
    assert FIRST_PAUSE_S <= first < FIRST_PAUSE_S * 1.5
    assert FIRST_PAUSE_S * 2 <= second < FIRST_PAUSE_S * 3


async def test_a_refusal_fails_at_once_and_a_retry_goes_on_behind_what_was_done(
    jobs_database: Database, store: JobStore, trial: Trial
) -> None:
    trial.start()
    job = await enqueued(jobs_database, "trials.refuse", "mended")
    await reaches(store, job, JobState.FAILED)
    failed = await seen(store, job)
    listed = await store.list_jobs(prefix=job, states=[JobState.FAILED])
    done = trial.done(job)

    await store.retry(job)
    await until(lambda: len(trial.done(job)) > len(done))
    await reaches(store, job, JobState.FAILED)
    trial.allow("mended")
    await store.retry(job)
    await reaches(store, job, JobState.DONE)

    assert done == ["first", "second"]
    assert "It is not mended." in (failed.error or "")
    assert [one.id for one in listed] == [job]
    assert trial.done(job) == ["first", "second", "second", "second"]
    assert (await seen(store, job)).error is None


async def test_a_job_is_stopped_in_its_step_and_before_it_is_begun(
    jobs_database: Database, store: JobStore, trial: Trial
) -> None:
    waiting = await enqueued(jobs_database, "trials.note", "never")
    await store.cancel(waiting)
    trial.start()
    running = await enqueued(jobs_database, "trials.hold", "later")
    await until(lambda: "begin second" in trial.done(running))

    await store.cancel(running)
    await until(lambda: "stopped second" in trial.done(running))
    trial.allow("later")

    assert (await seen(store, waiting)).state is JobState.CANCELLED
    assert (await seen(store, running)).state is JobState.CANCELLED
    assert trial.done(waiting) == []
    assert trial.done(running) == [*HELD[:3], "stopped second"]
    await store.retry(running)
    await reaches(store, running, JobState.DONE)
    assert trial.done(running)[4:] == HELD[2:]


async def test_a_job_that_kills_its_workers_is_left_alone_after_some_attempts(
    jobs_database: Database, store: JobStore, trial: Trial
) -> None:
    job = await enqueued(jobs_database, "trials.kill")
    worker = trial.start()

    async def is_left_alone() -> bool:
        nonlocal worker
        if not worker.is_alive():
            worker = trial.start()
        return (await seen(store, job)).state is JobState.FAILED

    await until(is_left_alone, within_s=60)

    beside = await enqueued(jobs_database, "trials.note", "beside")
    await reaches(store, beside, JobState.DONE)
    assert worker.is_alive()
    assert trial.done(job) == ["kill"] * (ATTEMPTS + 1)
    assert (await seen(store, job)).attempts > ATTEMPTS


async def test_schedules_are_those_declared_and_a_tick_is_one_job_however_many_work(
    jobs_database: Database, store: JobStore, trial: Trial
) -> None:
    workers = [trial.start(tick, rest) for _ in range(1 if jobs_database.url.is_sqlite else 2)]
    await until(lambda: len(trial.noted("sched-trials.tick")) >= 2)
    declared = {one.name: one.cron for one in await store.list_schedules()}
    for one in workers:
        trial.kill(one)

    trial.start(rest)

    async def has_one() -> bool:
        return [one.name for one in await store.list_schedules()] == ["trials.rest"]

    await until(has_one)
    ticks = [one.job for one in trial.noted("sched-trials.tick")]
    assert declared == {"trials.tick": tick.schedule, "trials.rest": rest.schedule}
    assert len(ticks) == len(set(ticks))
    assert trial.done("sched-trials.rest") == []


@pytest.mark.parametrize("jobs_url", ["sqlite"], indirect=True)  # many on PostgreSQL
async def test_a_second_worker_on_a_file_is_refused(
    jobs_database: Database, store: JobStore, trial: Trial
) -> None:
    trial.start()
    job = await enqueued(jobs_database, "trials.note", "here")
    await reaches(store, job, JobState.DONE)

    refused = await asyncio.to_thread(
        subprocess.run,
        [NEXUS, "worker", "--database", trial.url],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert refused.returncode == 1
    assert "Another process carries out the jobs of" in refused.stderr
    assert "Traceback" not in refused.stderr


async def test_only_jobs_that_ended_long_enough_ago_are_forgotten(
    jobs_database: Database, store: JobStore, trial: Trial
) -> None:
    trial.start()
    waiting = await enqueued(jobs_database, "trials.note", "later", delay_s=3600)
    running = await enqueued(jobs_database, "trials.hold", "later")
    failed = await enqueued(jobs_database, "trials.refuse", "never")
    old = await enqueued(jobs_database, "trials.note", "old")
    await reaches(store, old, JobState.DONE)
    await reaches(store, failed, JobState.FAILED)
    await until(lambda: "begin second" in trial.done(running))
    between = time.monotonic()
    await asyncio.sleep(2.5)  # the file keeps whole seconds
    new = await enqueued(jobs_database, "trials.note", "new")
    await reaches(store, new, JobState.DONE)

    none = await store.prune(timedelta(hours=1))
    await store.prune(timedelta(seconds=time.monotonic() - between - 1.2))

    assert none == 0
    assert [await store.find(one) for one in (old, failed)] == [None, None]
    assert (await seen(store, new)).state is JobState.DONE
    assert (await seen(store, waiting)).state is JobState.DELAYED
    trial.allow("later")
    await reaches(store, running, JobState.DONE)
