"""What must hold of jobs whose workers were killed: as if nothing had happened."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf

from nexus.platform.jobs.store import JobSeen, JobState
from soak.job_walks import REFUSAL, Act, Done, Effect, Note, Step, come_to
from soak.streams import Broken

EARLY_S = 1.0
"""How much too early a delayed job may begin: a file keeps whole seconds."""
CLOCKS_S = 0.05
"""How far a rest, by the engine's clock, may look shorter by that of the notes."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A job that was enqueued. `line` is the partition in which it has its turn."""

    id: str
    steps: Sequence[Step]
    at: float
    delay_s: float = 0
    line: str | None = None

    @property
    def is_refused(self) -> bool:
        return any(step.act is Act.REFUSE for step in self.steps)

    @property
    def values(self) -> dict[int, int]:
        """What each step comes to that is not to be refused."""
        found: dict[int, int] = {}
        value = 0
        for number, step in enumerate(self.steps, 1):
            if step.act is Act.REFUSE:
                break
            if step.act is not Act.REST:
                found[number] = value = come_to(value, number)
        return found


@dataclass(frozen=True, kw_only=True)
class Kill:
    worker: int
    at: float


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The steps whose end the engine had kept of a job, at a moment after a kill."""

    job: str
    at: float
    steps: frozenset[int]


@dataclass(kw_only=True)
class Told:
    """All that is known of some jobs. `within_s` is how long a take-over by a peer may take."""

    within_s: float | None
    asked: list[Asked] = field(default_factory=list[Asked])
    kills: list[Kill] = field(default_factory=list[Kill])
    kept: list[Kept] = field(default_factory=list[Kept])
    starts: dict[int, float] = field(default_factory=dict[int, float])
    notes: list[Note] = field(default_factory=list[Note])
    effects: list[Effect] = field(default_factory=list[Effect])
    seen: dict[str, JobSeen] = field(default_factory=dict[str, JobSeen])

    def notes_of(self, job: str) -> list[Note]:
        return [one for one in self.notes if one.job == job]

    def has_ended(self, asked: Asked) -> bool:
        """By its own notes: the engine may not know it yet."""
        last = max(asked.values, default=0) + asked.is_refused
        ends = {Done.ENDED, Done.REFUSED}
        return any(one.step == last and one.done in ends for one in self.notes_of(asked.id))


def check(told: Told) -> None:
    """Raises Broken."""
    strangers = {one.job for one in told.notes} - {one.id for one in told.asked}
    if strangers:
        raise Broken(f"Jobs were carried out that nobody had asked for: {sorted(strangers)}.")
    for asked in told.asked:
        notes = told.notes_of(asked.id)
        _check_end(asked, told)
        _check_steps(asked, notes)
        _check_course(notes, told.kills)
        _check_rests(asked, notes)
        _check_effects(asked, notes, told)
    _check_kept(told)
    _check_lines(told)
    for take_over in take_overs(told):
        if told.within_s is not None and take_over > told.within_s:
            raise Broken(f"A peer took over a dead worker's job after {take_over:.2f} s.")


def repetitions(told: Told) -> int:
    """How many steps were begun again because of a kill."""
    return sum(
        sum(one.done is Done.BEGUN for one in notes)
        - len({one.step for one in notes})
        - sum(one.done is Done.STUMBLED for one in notes)
        for notes in map(told.notes_of, [one.id for one in told.asked])
    )


def take_overs(told: Told) -> Iterator[float]:
    """How long after a kill the step that was running was begun by another worker.

    Where that one had begun to work later, since then; without those that were killed meanwhile.
    """
    for kill in told.kills:
        for asked in told.asked:
            notes = told.notes_of(asked.id)
            before = [one for one in notes if one.at <= kill.at]
            after = [one for one in notes if one.at > kill.at]
            was_in_a_step = before and before[-1].done is Done.BEGUN
            if not (was_in_a_step and after and before[-1].worker == kill.worker):
                continue
            taken_at = after[0].at
            killed = {other.worker for other in told.kills if other.at < taken_at}
            lived = [at for worker, at in told.starts.items() if worker not in killed]
            yield taken_at - max(kill.at, min(lived, default=kill.at))


def _check_end(asked: Asked, told: Told) -> None:
    seen = told.seen.get(asked.id)
    expected = (JobState.FAILED, REFUSAL) if asked.is_refused else (JobState.DONE, None)
    if seen is None or (seen.state, seen.error) != expected:
        raise Broken(f"{asked.id} ended as {seen} instead of {expected}.")
    if seen.attempts > 1 + len(told.kills):
        raise Broken(f"{asked.id} was begun {seen.attempts} times, with {len(told.kills)} kills.")


def _check_steps(asked: Asked, notes: Sequence[Note]) -> None:
    values = asked.values
    for one in notes:
        if one.done is Done.ENDED and one.value != values.get(one.step):
            raise Broken(f"{asked.id} came to something else: {one}.")
    ended = {one.step for one in notes if one.done is Done.ENDED}
    if left := set(values) - ended:
        raise Broken(f"{asked.id} ended without its steps {sorted(left)}.")
    if notes[0].at < asked.at + asked.delay_s - EARLY_S:
        raise Broken(f"{asked.id} was begun {notes[0].at - asked.at:.2f} s after it was asked for.")


def _check_course(notes: Sequence[Note], kills: Sequence[Kill]) -> None:
    """A kill repeats the step that was running, and nothing else does."""
    killed_at = {kill.worker: kill.at for kill in kills}
    for last, one in pairwise(notes):
        if last.worker == one.worker:
            is_right = _goes_on(last, one)
        else:
            is_right = one.done is Done.BEGUN and one.step >= last.step
            if killed_at.get(last.worker, inf) > one.at:
                raise Broken(f"A job was taken from a worker that lived: {last}, {one}.")
        if not is_right:
            raise Broken(f"What had been done was done again: {last}, {one}.")


def _check_rests(asked: Asked, notes: Sequence[Note]) -> None:
    for last, one in pairwise(notes):
        rest_s = sum(step.seconds for step in asked.steps[last.step : one.step - 1])
        if one.at - last.at < rest_s - CLOCKS_S:
            raise Broken(f"{asked.id} did not rest for {rest_s} s: {last}, {one}.")


def _goes_on(last: Note, one: Note) -> bool:
    match last.done:
        case Done.BEGUN:
            return one.step == last.step and one.done is not Done.BEGUN
        case Done.STUMBLED:
            return one.step == last.step and one.done is Done.BEGUN
        case Done.ENDED:
            return one.step > last.step and one.done is Done.BEGUN
        case Done.REFUSED:
            return False


def _check_effects(asked: Asked, notes: Sequence[Note], told: Told) -> None:
    effects = [one for one in told.effects if one.job == asked.id]
    values = asked.values
    for number, step in enumerate(asked.steps, 1):
        if step.act not in {Act.ROW, Act.FOLLOW}:
            continue
        here = [one for one in effects if one.step == number]
        begun = sum(one.step == number and one.done is Done.BEGUN for one in notes)
        ended = sum(one.step == number and one.done is Done.ENDED for one in notes)
        if not ended <= len(here) <= begun:
            raise Broken(
                f"Step {number} of {asked.id} was begun {begun} times and ended {ended} times, "
                f"and left {len(here)} rows."
            )
        if any(one.value != values[number] for one in here):
            raise Broken(f"Step {number} of {asked.id} left something else: {here}.")


def _check_kept(told: Told) -> None:
    for kept in told.kept:
        for one in told.notes_of(kept.job):
            if one.step in kept.steps and one.at > kept.at:
                raise Broken(f"A step was done again whose end had been kept: {one}.")


def _check_lines(told: Told) -> None:
    lines: dict[str, list[Asked]] = defaultdict(list)
    for asked in told.asked:
        if asked.line:
            lines[asked.line].append(asked)
    for members in lines.values():
        for first, second in pairwise(members):
            if told.notes_of(first.id)[-1].at > told.notes_of(second.id)[0].at:
                raise Broken(f"{second.id} did not wait for its turn behind {first.id}.")
