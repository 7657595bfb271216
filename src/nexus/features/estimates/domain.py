"""A model of complexity that anybody can check by hand: a sum of weighted traits, pure.

It needs no network and no history: the weights begin as a judgement of ours and are moved by what
finished tasks took (see calibrating.py). Points are on the scale of a task's complexity, 1 to 10;
each point doubles the time and the tokens that a task takes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import floor, log2

from nexus.platform.fields import folded

LEAST, MOST = 1, 10

PRIOR: Mapping[str, float] = {
    "base": 2.0,
    "words": 0.6,
    "acceptance": 0.6,
    "dependencies": 0.4,
    "files": 0.5,
    "steps": 0.4,
    "hard_words": 0.8,
    "easy_words": -0.9,
}

_HARD = re.compile(
    r"\b(migrat\w+|refactor\w*|rewrit\w+|redesign\w*|architect\w+|concurren\w+|race conditions?"
    r"|deadlock\w*|distributed|transaction\w*|secur\w+|authenti\w+|authori[sz]\w+|encrypt\w+"
    r"|protocol\w*|parser\w*|compiler\w*|performance|latency|scal(?:e|ing|able|ability)"
    r"|compatib\w+|consisten\w+|real.?time|integrat\w+)\b",
    re.IGNORECASE,
)
_EASY = re.compile(
    r"\b(typos?|renam\w+|bump\w*|wording|readme|changelog|spelling|lint\w*|formatting|tooltips?"
    r"|log messages?|dead code|unused)\b",
    re.IGNORECASE,
)
_STEP = re.compile(r"^[^\S\n]*(?:[-*] \[[ xX]\]|\d{1,3}[.)])[^\S\n]+\S", re.MULTILINE)
_MOST_SIGNS = 3
_LABEL = "label:"


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What an estimate looks at."""

    title: str
    texts: Sequence[str]
    acceptance: int
    dependencies: int
    paths: Sequence[str]
    labels: Sequence[str]

    def features(self) -> dict[str, float]:
        """The traits as numbers, most of them as a logarithm: twice as much is one more."""
        text = "\n".join((self.title, *self.texts))
        features = {
            "base": 1.0,
            "words": log2(1 + len(text.split()) / 25),
            "acceptance": log2(1 + self.acceptance),
            "dependencies": log2(1 + self.dependencies),
            "files": log2(1 + sum(map(_breadth, self.paths))),
            "steps": log2(1 + len(_STEP.findall(text))),
            "hard_words": float(_signs(_HARD, text)),
            "easy_words": float(_signs(_EASY, text)),
        }
        labels = {f"{_LABEL}{folded(name)}": 1.0 for name in self.labels}
        return {name: value for name, value in (features | labels).items() if value}


@dataclass(frozen=True, kw_only=True)
class Factor:
    """What one trait adds to an estimate: `points` = `value` * `weight`."""

    name: str
    value: float
    weight: float

    @property
    def points(self) -> float:
        return self.value * self.weight


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """`points` is the sum of the factors, `score` the nearest complexity to it."""

    score: int
    points: float
    factors: Sequence[Factor]


@dataclass(frozen=True, kw_only=True)
class Took:
    """What finished tasks of one estimate took: medians, but the mean of attempts.

    `measured` is what the estimate should have been.
    """

    score: int
    tasks: int
    seconds: float
    attempts: float
    tokens: float
    measured: float


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How far estimates of `samples` finished tasks were off, in points, on the average.

    `error` is of the weights in use, `prior_error` of those that we began with and `naive_error`
    of the guess that all tasks are alike. Each task was estimated by weights that had not seen it.
    """

    samples: int
    error: float
    prior_error: float
    naive_error: float
    calibrated_at: datetime
    took: Sequence[Took]


@dataclass(frozen=True, kw_only=True)
class Model:
    """The weights of a workspace; `calibration` is None until enough tasks are finished."""

    weights: Mapping[str, float] = field(default_factory=lambda: PRIOR)
    calibration: Calibration | None = None

    def estimate(self, features: Mapping[str, float]) -> Estimate:
        factors = [
            Factor(name=name, value=value, weight=self.weights[name])
            for name, value in features.items()
            if self.weights.get(name)
        ]
        points = sum(one.points for one in factors)
        factors.sort(key=lambda one: -abs(one.points))
        return Estimate(score=score_of(points), points=points, factors=factors)

    def knows_label(self, name: str) -> bool:
        return bool(self.weights.get(f"{_LABEL}{folded(name)}"))

    def took(self, score: int) -> Took | None:
        """What finished tasks with this estimate took."""
        took = self.calibration.took if self.calibration else ()
        return next((one for one in took if one.score == score), None)


def score_of(points: float) -> int:
    return min(MOST, max(LEAST, floor(points + 0.5)))


def _breadth(pattern: str) -> int:
    """How many files a pattern may mean: one; some in a folder; a whole tree."""
    if "**" in pattern or pattern.endswith("/"):
        return 8
    return 3 if set("*?[") & set(pattern) else 1


def _signs(words: re.Pattern[str], text: str) -> int:
    return min(_MOST_SIGNS, len({one.casefold() for one in words.findall(text)}))
