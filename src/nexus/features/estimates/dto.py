"""Estimates on the wire."""

from datetime import datetime

from msgspec import Struct

from nexus.features.estimates.domain import PRIOR, Calibration, Factor, Model, Took


class FactorOut(Struct, frozen=True):
    """What a trait adds: `points` = `value` * `weight`."""

    name: str
    value: float
    weight: float
    points: float

    @classmethod
    def of(cls, factor: Factor) -> "FactorOut":
        return cls(
            name=factor.name,
            value=round(factor.value, 3),
            weight=round(factor.weight, 3),
            points=round(factor.points, 3),
        )


class WeightOut(Struct, frozen=True):
    """What a trait weighs, and what it weighed before anything was learned."""

    name: str
    weight: float
    prior: float


class TookOut(Struct, frozen=True):
    """What finished tasks of one estimate took: medians, but the mean of attempts.

    `measured` is the complexity that they turned out to have.
    """

    complexity: int
    tasks: int
    seconds: int
    attempts: float
    tokens: int
    measured: float

    @classmethod
    def of(cls, took: Took) -> "TookOut":
        return cls(
            complexity=took.score,
            tasks=took.tasks,
            seconds=round(took.seconds),
            attempts=round(took.attempts, 2),
            tokens=round(took.tokens),
            measured=round(took.measured, 2),
        )


class CalibrationOut(Struct, frozen=True):
    """How far estimates of finished tasks were off on the average, in points of complexity.

    `prior_error` is what it was before anything was learned, `naive_error` that of the guess that
    all tasks are alike. Each task was estimated by weights that had not seen it.
    """

    samples: int
    error: float
    prior_error: float
    naive_error: float
    calibrated_at: datetime
    took: list[TookOut]

    @classmethod
    def of(cls, calibration: Calibration) -> "CalibrationOut":
        return cls(
            samples=calibration.samples,
            error=round(calibration.error, 2),
            prior_error=round(calibration.prior_error, 2),
            naive_error=round(calibration.naive_error, 2),
            calibrated_at=calibration.calibrated_at,
            took=[TookOut.of(one) for one in calibration.took],
        )


class ComplexityModelOut(Struct, frozen=True):
    """How complexity is estimated here; `calibration` is null until 12 tasks are finished."""

    weights: list[WeightOut]
    calibration: CalibrationOut | None

    @classmethod
    def of(cls, model: Model) -> "ComplexityModelOut":
        return cls(
            weights=[
                WeightOut(name=name, weight=round(weight, 3), prior=PRIOR.get(name, 0.0))
                for name, weight in sorted(model.weights.items(), key=lambda one: -abs(one[1]))
            ],
            calibration=CalibrationOut.of(model.calibration) if model.calibration else None,
        )
