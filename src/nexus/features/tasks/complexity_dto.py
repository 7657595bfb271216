"""Why a task is estimated as it is, on the wire."""

from uuid import UUID

from msgspec import Struct

from nexus.features.estimates.calibrating import PastTask
from nexus.features.estimates.dto import FactorOut, TookOut
from nexus.features.tasks.learning import Explanation


class PastTaskOut(Struct, frozen=True):
    """A finished task and what it took; `measured` is the complexity that it turned out to have."""

    task_id: UUID
    task: str
    title: str
    seconds: int
    attempts: int
    tokens: int
    measured: float

    @classmethod
    def of(cls, past: PastTask) -> "PastTaskOut":
        outcome = past.sample.outcome
        return cls(
            task_id=past.id,
            task=past.key,
            title=past.title,
            seconds=round(outcome.seconds),
            attempts=outcome.attempts,
            tokens=outcome.tokens,
            measured=round(outcome.measured, 2),
        )


class ComplexityOut(Struct, frozen=True):
    """A task's complexity and why: the manual one counts, else the automatic one.

    `complexity_auto` is what a file or an accepted proposal gave it, else the estimate. The
    `factors` add up to `points`, whose nearest whole number is `estimate`. `error` is how far
    estimates were off on the average (null until 12 tasks are finished), `expected` what finished
    tasks with this estimate took, `similar` the finished tasks that are most like this one.
    """

    task: str
    complexity: int | None
    complexity_manual: int | None
    complexity_auto: int | None
    complexity_given: int | None
    estimate: int
    points: float
    factors: list[FactorOut]
    error: float | None
    samples: int
    expected: TookOut | None
    similar: list[PastTaskOut]

    @classmethod
    def of(cls, found: Explanation) -> "ComplexityOut":
        task, estimate, model = found.task, found.estimate, found.model
        took = model.took(task.complexity or estimate.score)
        calibration = model.calibration
        return cls(
            task=task.key,
            complexity=task.complexity,
            complexity_manual=task.complexity_manual,
            complexity_auto=task.complexity_auto,
            complexity_given=task.complexity_given,
            estimate=estimate.score,
            points=round(estimate.points, 3),
            factors=[FactorOut.of(one) for one in estimate.factors],
            error=round(calibration.error, 2) if calibration else None,
            samples=calibration.samples if calibration else 0,
            expected=TookOut.of(took) if took else None,
            similar=[PastTaskOut.of(one) for one in found.similar],
        )
