"""The model of complexity by itself: sums that can be checked by hand, learned from outcomes."""

import random
from math import log2
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.features.estimates.calibrating import MIN_SAMPLES, Outcome, Sample, calibrated
from nexus.features.estimates.domain import PRIOR, Model, Traits
from nexus.platform.clock import now

SMALL, LARGE = 600.0, 40 * 3600.0


def traits(title: str = "Add a button", **changes: Any) -> Traits:
    nothing: dict[str, Any] = {
        "texts": (), "acceptance": 0, "dependencies": 0, "paths": (), "labels": (),
    }  # fmt: skip
    return Traits(title=title, **(nothing | changes))


def score(*args: Any, **changes: Any) -> int:
    return Model().estimate(traits(*args, **changes).features()).score


def took(seconds: float, attempts: int = 1, tokens: int = 0) -> Outcome:
    return Outcome(seconds=seconds, attempts=attempts, tokens=tokens)


def history(size: int, *, noise: float = 0.0, seed: int = 1) -> list[Sample]:
    """Tasks of which those with the label `db` take 2 points more than all others."""
    draw = random.Random(seed)
    samples: list[Sample] = []
    for number in range(size):
        is_db = number % 2 == 0
        acceptance = draw.choice([0, 1, 3, 7])
        labels = ("db",) if is_db else ("docs",)
        points = 2.0 + log2(1 + acceptance) + 2 * is_db + draw.uniform(-noise, noise)
        features = traits(acceptance=acceptance, labels=labels).features()
        samples.append(Sample(features=features, outcome=took(300 * 2 ** (points - 1))))
    return samples


def test_every_trait_moves_an_estimate_the_way_a_reader_expects() -> None:
    plain = Model().estimate(traits().features()).points

    def points(**changes: Any) -> float:
        return Model().estimate(traits(**changes).features()).points

    assert points(texts=("word " * 300,)) > points(texts=("word " * 50,)) > plain
    assert points(acceptance=5) > points(acceptance=1) > plain
    assert points(dependencies=3) > plain
    assert points(paths=("src/**",)) > points(paths=("src/a*.py",)) > points(paths=("src/a.py",))
    assert points(texts=("1. One\n2. Two\n- [ ] Three",)) > points(texts=("One Two Three",))
    assert points(title="Migrate the authentication") > plain > points(title="Fix a typo")
    assert points(labels=("new",)) == plain


def test_an_estimate_is_the_sum_of_its_factors() -> None:
    found = Model().estimate(traits(acceptance=3, dependencies=1, paths=("a/**",)).features())

    assert {one.name for one in found.factors} == {
        "base", "words", "acceptance", "dependencies", "files"
    }  # fmt: skip
    assert sum(one.value * one.weight for one in found.factors) == pytest.approx(found.points)
    assert abs(found.points - found.score) <= 0.5
    assert {one.name: one.weight for one in found.factors}.items() <= PRIOR.items()


@pytest.mark.parametrize(
    ("title", "changes", "expected"),
    [
        ("Fix a typo in the readme", {}, 1),
        ("Add a button", {}, 2),
        ("Add a button", {"texts": ("word " * 60,), "acceptance": 3, "paths": ("web/*.vue",)}, 5),
        (
            "Migrate authentication to a distributed protocol",
            {"texts": ("word " * 400,), "acceptance": 9, "dependencies": 4, "paths": ("src/**",)},
            10,
        ),
    ],
)
def test_estimates_of_some_tasks(title: str, changes: Any, expected: int) -> None:
    assert score(title, **changes) == expected


def test_blank_lines_cost_nothing() -> None:
    """A search for steps that looks again at every blank line would take minutes."""
    blank = traits(texts=("\n" * 100_000, " \n" * 50_000, "1." + " " * 100_000))

    assert Model().estimate(blank.features()).score == score()


@given(
    st.text(), st.lists(st.text()), st.integers(0, 10**6), st.integers(0, 10**6),
    st.lists(st.text()), st.lists(st.text()),
)  # fmt: skip
def test_whatever_a_task_says_its_score_is_from_1_to_10(
    title: str, texts: Any, acceptance: int, dependencies: int, paths: Any, labels: Any
) -> None:
    found = Traits(
        title=title, texts=texts, acceptance=acceptance, dependencies=dependencies,
        paths=paths, labels=labels,
    ).features()  # fmt: skip

    assert 1 <= Model().estimate(found).score <= 10


@pytest.mark.parametrize(
    ("outcome", "measured"),
    [
        (took(300), 1),
        (took(600), 2),
        (took(300 * 2**8), 9),
        (took(1), 1),
        (took(10**9), 10),
        (took(300, tokens=40_000), 2),
        (took(300, attempts=4), 2),
        (took(0, attempts=0, tokens=1), 1),
    ],
)
def test_what_a_task_took_is_measured_in_points(outcome: Outcome, measured: float) -> None:
    assert outcome.measured == pytest.approx(measured)


def test_a_model_learns_what_a_label_means() -> None:
    model = calibrated(history(60, noise=0.5), now())

    calibration = model.calibration
    assert calibration is not None
    assert model.weights["label:db"] - model.weights["label:docs"] == pytest.approx(2, abs=0.5)
    assert calibration.error < 0.6 < calibration.prior_error
    assert calibration.error < calibration.naive_error
    assert calibration.samples == sum(one.tasks for one in calibration.took) == 60


def test_estimates_that_came_true_stay_as_they_are() -> None:
    """Nothing is learned from noise: what the prior does better stays with the prior."""
    draw = random.Random(7)
    samples = [
        Sample(
            features=traits(acceptance=number % 8, labels=(f"l{number % 5}",)).features(),
            outcome=took(300 * 2 ** draw.uniform(0, 9)),
        )
        for number in range(15)
    ]

    calibration = calibrated(samples, now()).calibration

    assert calibration is not None
    assert calibration.error <= calibration.prior_error


def test_little_history_teaches_nothing() -> None:
    model = calibrated(history(MIN_SAMPLES - 1), now())

    assert model == Model()


def test_the_error_is_that_of_tasks_which_the_weights_had_not_seen() -> None:
    """A label of its own for every task explains all of them afterwards and none beforehand."""
    draw = random.Random(3)
    samples = [
        Sample(
            features=traits(labels=(f"only {number}",)).features(),
            outcome=took(draw.choice([SMALL, LARGE])),
        )
        for number in range(40)
    ]

    calibration = calibrated(samples, now()).calibration

    assert calibration is not None
    assert calibration.error > 2


def test_what_tasks_took_is_told_by_their_estimate() -> None:
    model = calibrated(history(60), now())

    assert model.calibration is not None
    expected = [one.measured for one in model.calibration.took]
    assert expected == sorted(expected)
    assert model.took(model.calibration.took[0].score) == model.calibration.took[0]
    assert model.took(0) is None
