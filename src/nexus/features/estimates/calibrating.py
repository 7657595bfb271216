"""Learning the weights of the model from what finished tasks took: pure.

It is a linear regression that leaves the weights where they began as long as nothing speaks
against them (a ridge towards the prior): each weight moves the more, the more tasks show it.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import log2
from statistics import fmean, median
from uuid import UUID

from nexus.features.estimates.domain import (
    LEAST,
    MOST,
    PRIOR,
    Calibration,
    Model,
    Took,
    score_of,
)

MIN_SAMPLES = 12
MAX_SAMPLES = 500
_FIRST_S, _FIRST_TOKENS = 300.0, 10_000.0
_STIFFNESS = 4.0
_ROUNDS, _FOLDS = 40, 5
_MIN_WITH_LABEL = 3


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a finished task took. `tokens` is 0 where nobody reported any."""

    seconds: float
    attempts: int
    tokens: int

    @property
    def measured(self) -> float:
        """On the scale of complexity: five minutes or 10,000 tokens are a 1, twice as much is one
        more, and so is every fourfold of attempts. Time and tokens count the same."""
        signs = [LEAST + log2(max(self.seconds, 1) / _FIRST_S)]
        if self.tokens:
            signs.append(LEAST + log2(self.tokens / _FIRST_TOKENS))
        points = fmean(signs) + log2(max(self.attempts, 1)) / 2
        return min(float(MOST), max(float(LEAST), points))


@dataclass(frozen=True, kw_only=True)
class Sample:
    features: Mapping[str, float]
    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class PastTask:
    """A finished task with what it took, as others are compared with it."""

    id: UUID
    key: str
    title: str
    sample: Sample


def calibrated(samples: Sequence[Sample], at: datetime) -> Model:
    """The model after these samples. Weights that estimate no better than the prior are let go."""
    if len(samples) < MIN_SAMPLES:
        return Model()
    naive: list[float] = []
    prior: list[float] = []
    fitted: list[float] = []
    for fold in range(_FOLDS):
        seen = [one for number, one in enumerate(samples) if number % _FOLDS != fold]
        weights = _fit(seen)
        middle = fmean(one.outcome.measured for one in seen)
        for one in samples[fold::_FOLDS]:
            naive.append(abs(middle - one.outcome.measured))
            prior.append(_miss(PRIOR, one))
            fitted.append(_miss(weights, one))
    is_better = fmean(fitted) < fmean(prior)
    model = Model(weights=_fit(samples) if is_better else PRIOR)
    return Model(
        weights=model.weights,
        calibration=Calibration(
            samples=len(samples),
            error=min(fmean(fitted), fmean(prior)),
            prior_error=fmean(prior),
            naive_error=fmean(naive),
            calibrated_at=at,
            took=_took(model, samples),
        ),
    )


def _points(weights: Mapping[str, float], features: Mapping[str, float]) -> float:
    return sum(weights.get(name, 0.0) * value for name, value in features.items())


def _miss(weights: Mapping[str, float], sample: Sample) -> float:
    guess = min(MOST, max(LEAST, _points(weights, sample.features)))
    return abs(guess - sample.outcome.measured)


def _fit(samples: Sequence[Sample]) -> Mapping[str, float]:
    """One weight after the other, each as well as the others let it, again and again."""
    counts = Counter(name for one in samples for name in one.features)
    names = [name for name, count in counts.items() if name in PRIOR or count >= _MIN_WITH_LABEL]
    weights = dict(PRIOR) | {name: 0.0 for name in names if name not in PRIOR}
    missing = [one.outcome.measured - _points(weights, one.features) for one in samples]
    with_it: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
    for number, one in enumerate(samples):
        for name in names:
            if value := one.features.get(name):
                with_it[name].append((number, value))

    for _ in range(_ROUNDS):
        for name in names:
            seen = with_it[name]
            pull = sum(value * missing[number] for number, value in seen)
            pull -= _STIFFNESS * (weights[name] - PRIOR.get(name, 0.0))
            step = pull / (sum(value * value for _, value in seen) + _STIFFNESS)
            weights[name] += step
            for number, value in seen:
                missing[number] -= step * value
    return weights


def _took(model: Model, samples: Sequence[Sample]) -> Sequence[Took]:
    by_score: defaultdict[int, list[Outcome]] = defaultdict(list)
    for one in samples:
        by_score[score_of(_points(model.weights, one.features))].append(one.outcome)
    return [
        Took(
            score=score,
            tasks=len(outcomes),
            seconds=median(one.seconds for one in outcomes),
            attempts=fmean(one.attempts for one in outcomes),
            tokens=median([one.tokens for one in outcomes if one.tokens] or [0]),
            measured=median(one.measured for one in outcomes),
        )
        for score, outcomes in sorted(by_score.items())
    ]
