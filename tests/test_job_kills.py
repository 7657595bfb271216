"""Workers that are killed leave no trace in what comes of their jobs: the short form of it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nexus.platform.clock import now
from nexus.platform.database_url import understand_url
from nexus.platform.jobs.store import JobSeen, JobState
from nexus.platform.migrating import migrate
from soak.job_kills import Plan, run
from soak.job_rules import Asked, Kept, Kill, Told, check, repetitions, take_overs
from soak.job_walks import Act, Done, Effect, Note, Pace, Step
from soak.streams import Broken
from tests.conftest import DATABASES, a_postgres_database

PACE = Pace(beat_s=0.3, lease_s=1.8)
STEPS = [
    Step(act=Act.NOTE),
    Step(act=Act.ROW),
    Step(act=Act.REST, seconds=0.1),
    Step(act=Act.NOTE),
]
FIRST, SECOND = "ws/w/soak.walk:first", "ws/w/soak.walk:second"
DEAD, ALIVE = 101, 102


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path, worker_id: str) -> Iterator[str]:
    """A migrated database whose jobs nobody else takes."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/nexus.db"
        migrate(understand_url(url))
        yield url
    else:
        with a_postgres_database(f"nexus_job_kills_{worker_id}") as url:
            migrate(understand_url(url))
            yield url


async def test_jobs_end_as_if_no_worker_had_been_killed(url: str, tmp_path: Path) -> None:
    plan = Plan(name="short", url=url, folder=tmp_path, kills=3, seed=3, pace=PACE, in_peace=0)

    outcome = await run(plan)

    assert outcome.kills == 3
    assert outcome.jobs > 12


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # what is wrong is the job
async def test_a_job_whose_steps_are_not_durable_is_found_out(url: str, tmp_path: Path) -> None:
    plan = Plan(
        name="careless",
        url=url,
        folder=tmp_path,
        kills=50,
        seed=3,
        pace=PACE,
        in_peace=0,
        is_careless=True,
    )

    with pytest.raises(Broken, match=r"Seed 3, careless, round \d+: What had been done was done"):
        await run(plan)


def test_a_kill_may_repeat_the_step_that_was_running() -> None:
    told = a_story()

    check(told)

    assert repetitions(told) == 1
    assert list(take_overs(told)) == [pytest.approx(1.5)]


def done_again_by_nobody(told: Told) -> None:
    told.notes.insert(2, replace(told.notes[1], at=1.15))


def begun_from_the_start(told: Told) -> None:
    told.notes[3:3] = walked(FIRST, ALIVE, 2.5, steps=[1])


def begun_again_although_kept(told: Told) -> None:
    told.kept.append(Kept(job=FIRST, at=1.7, steps=frozenset({1, 2})))


def taken_from_the_living(told: Told) -> None:
    told.kills[0] = Kill(worker=DEAD + 10, at=1.5)


def taken_over_late(told: Told) -> None:
    told.within_s = 1.0


def left_out(told: Told) -> None:
    del told.notes[-2:]


def came_to_something_else(told: Told) -> None:
    told.notes[-1] = replace(told.notes[-1], value=12)


def left_no_row(told: Told) -> None:
    told.effects.clear()


def left_a_row_too_many(told: Told) -> None:
    told.effects += [told.effects[0]] * 2


def left_another_row(told: Told) -> None:
    told.effects[0] = replace(told.effects[0], value=12)


def never_ended(told: Told) -> None:
    told.seen[FIRST] = replace(told.seen[FIRST], state=JobState.RUNNING)


def failed(told: Told) -> None:
    told.seen[FIRST] = replace(told.seen[FIRST], state=JobState.FAILED, error="No.")


def began_too_often(told: Told) -> None:
    told.seen[FIRST] = replace(told.seen[FIRST], attempts=3)


def was_rolled_back(told: Told) -> None:
    told.asked.pop()


def began_too_early(told: Told) -> None:
    told.asked[0] = replace(told.asked[0], delay_s=5)


def did_not_rest(told: Told) -> None:
    told.asked[0] = replace(
        told.asked[0], steps=[*STEPS[:2], replace(STEPS[2], seconds=2), STEPS[3]]
    )


def was_out_of_turn(told: Told) -> None:
    told.asked = [replace(one, line="line") for one in reversed(told.asked)]


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (done_again_by_nobody, "What had been done was done again"),
        (begun_from_the_start, "What had been done was done again"),
        (begun_again_although_kept, "whose end had been kept"),
        (taken_from_the_living, "from a worker that lived"),
        (taken_over_late, "took over a dead worker's job after 1.50 s"),
        (left_out, r"without its steps \[4\]"),
        (came_to_something_else, "came to something else"),
        (left_no_row, "left 0 rows"),
        (left_a_row_too_many, "left 3 rows"),
        (left_another_row, "left something else"),
        (never_ended, "ended as .*RUNNING"),
        (failed, "ended as .*FAILED"),
        (began_too_often, "was begun 3 times"),
        (was_rolled_back, "nobody had asked for"),
        (began_too_early, "was begun 1.00 s after"),
        (did_not_rest, "did not rest for 2 s"),
        (was_out_of_turn, "did not wait for its turn"),
    ],
)
def test_whatever_must_not_happen_is_found_out(happens: Callable[[Told], None], why: str) -> None:
    told = a_story()

    happens(told)

    with pytest.raises(Broken, match=why):
        check(told)


def a_story() -> Told:
    """A job whose worker was killed in its second step, and one that came after it."""
    asked = [Asked(id=one, steps=STEPS, at=0) for one in (FIRST, SECOND)]
    return Told(
        within_s=4,
        asked=asked,
        kills=[Kill(worker=DEAD, at=1.5)],
        kept=[Kept(job=FIRST, at=1.6, steps=frozenset({1}))],
        starts={DEAD: 0.5, ALIVE: 0.5},
        notes=[
            *walked(FIRST, DEAD, 1, steps=[1, 2])[:3],
            *walked(FIRST, ALIVE, 3, steps=[2, 4]),
            *walked(SECOND, ALIVE, 4, steps=[1, 2, 4]),
        ],
        effects=[Effect(job=one, step=2, value=asked[0].values[2]) for one in (FIRST, SECOND)],
        seen={FIRST: seen(FIRST, attempts=2), SECOND: seen(SECOND, attempts=1)},
    )


def walked(job: str, worker: int, at: float, *, steps: list[int]) -> list[Note]:
    """A step each 0.2 s, each of which takes half of that."""
    values = Asked(id=job, steps=STEPS, at=0).values
    found: list[Note] = []
    for number, step in enumerate(steps):
        begun = Note(
            job=job, worker=worker, at=at + number / 5, step=step, done=Done.BEGUN, value=0
        )
        ended = replace(begun, at=begun.at + 0.1, done=Done.ENDED, value=values[step])
        found += [begun, ended]
    return found


def seen(job: str, *, attempts: int) -> JobSeen:
    return JobSeen(
        id=job,
        name="soak.walk",
        state=JobState.DONE,
        arguments=[],
        error=None,
        attempts=attempts,
        created_at=now(),
        started_at=now(),
        ended_at=now(),
        changed_at=now(),
    )
