"""Rules to repeat a task by: pure, against the library they come from and against the clock."""

import time
from datetime import date, datetime, timedelta
from itertools import islice, takewhile
from typing import Any

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.features.tasks.errors import RuleNotUnderstood
from nexus.features.tasks.recurrence import (
    Recurrence,
    RecurrenceTrigger,
    occurrence_after,
    understood,
)

thorough = settings(max_examples=150, deadline=None, derandomize=True, database=None)
SLOW_S = 1.0
DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
TODAY = date(2026, 11, 21)

some_days = st.dates(min_value=date(2020, 1, 1), max_value=date(2032, 12, 31))


def _part(name: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    lists = st.lists(values, min_size=1, max_size=3, unique=True)
    return lists.map(lambda chosen: f"{name}={','.join(map(str, chosen))}")


usual = [
    _part("BYDAY", st.sampled_from(DAYS)),
    _part("BYMONTH", st.integers(1, 12)),
    _part("BYMONTHDAY", st.integers(1, 31)),
    st.integers(1, 12).map(lambda n: f"INTERVAL={n}"),
    st.integers(2, 30).map(lambda n: f"COUNT={n}"),
    some_days.map(lambda day: f"UNTIL={day:%Y%m%d}"),
    st.sampled_from(DAYS).map(lambda day: f"WKST={day}"),
]
odd = [
    _part(
        "BYDAY", st.builds(lambda n, day: f"{n}{day}", st.integers(-60, 60), st.sampled_from(DAYS))
    ),
    _part("BYMONTH", st.integers(-2, 15)),
    _part("BYMONTHDAY", st.integers(-40, 40)),
    _part("BYYEARDAY", st.integers(-400, 400)),
    _part("BYWEEKNO", st.integers(-60, 60)),
    _part("BYSETPOS", st.integers(-400, 400)),
    st.integers(0, 1200).map(lambda n: f"INTERVAL={n}"),
    st.integers(0, 1200).map(lambda n: f"COUNT={n}"),
]


def _rules(parts: list[st.SearchStrategy[str]]) -> st.SearchStrategy[str]:
    freq = st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]).map("FREQ={}".format)
    chosen = st.lists(st.one_of(parts), max_size=4, unique_by=lambda part: part.split("=")[0])
    return st.builds(lambda first, rest: ";".join([first, *rest]), freq, chosen)


def _accepted(rule: str, starts_on: date) -> Recurrence | None:
    try:
        return Recurrence.of(rule, RecurrenceTrigger.SCHEDULE, due_on=starts_on, today=starts_on)
    except RuleNotUnderstood:
        return None


@thorough
@given(_rules(usual), some_days, some_days)
def test_the_next_day_is_the_one_that_the_library_says(
    rule: str, starts_on: date, day: date
) -> None:
    """For rules that come again within a few years: others end for us where our patience does."""
    recurrence = _accepted(rule, starts_on)
    if recurrence is None or ("COUNT" in rule and "UNTIL" in rule):
        return
    every = rrulestr(recurrence.rule, dtstart=datetime.combine(starts_on, datetime.min.time()))
    later = (moment.date() for moment in every if moment.date() > day)
    end = max(day, starts_on) + timedelta(days=8 * 365)

    expected = next(iter(takewhile(lambda one: one <= end, later)), None)
    found = occurrence_after(recurrence.rule, starts_on, day)

    assert found == expected or (expected is None and found is not None and found > end)


@thorough
@given(_rules([*usual, *odd]), some_days)
def test_every_accepted_rule_gives_later_and_later_days(rule: str, starts_on: date) -> None:
    recurrence = _accepted(rule, starts_on)
    if recurrence is None:
        return

    day, days = starts_on, list[date]()
    while len(days) < 5 and (following := recurrence.next_after(day, starts_on)):
        assert following > day
        day = following
        days.append(day)

    assert days
    assert days[0] == recurrence.next_on
    assert understood(recurrence.rule, starts_on) == recurrence.rule


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=4;BYMONTHDAY=31",
        "FREQ=WEEKLY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYWEEKNO=1;BYMONTH=6",
        "FREQ=YEARLY;BYYEARDAY=400",
        "FREQ=DAILY;BYSETPOS=2",
        "FREQ=DAILY;INTERVAL=7;BYDAY=MO",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6",
        "FREQ=DAILY;COUNT=999;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;INTERVAL=999;BYMONTH=2;BYMONTHDAY=29",
    ],
)
def test_a_rule_that_never_comes_again_is_refused_at_once(rule: str) -> None:
    began = time.perf_counter()

    accepted = _accepted(rule, date(2026, 11, 22))  # a Sunday

    assert accepted is None
    assert time.perf_counter() - began < SLOW_S


@pytest.mark.parametrize("starts_on", [date(1970, 1, 1), date(2000, 2, 29)])
@pytest.mark.parametrize("rule", ["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"])
def test_a_day_long_ago_keeps_nobody_waiting(rule: str, starts_on: date) -> None:
    began = time.perf_counter()

    recurrence = Recurrence.of(rule, RecurrenceTrigger.FINISH, due_on=starts_on, today=TODAY)
    following = recurrence.next_after(starts_on, TODAY)

    assert following is not None
    assert TODAY < following <= TODAY + timedelta(days=3)
    assert time.perf_counter() - began < SLOW_S


@pytest.mark.parametrize("due_on", [date(2500, 1, 1), date(9990, 1, 1), date(9999, 12, 31)])
def test_the_end_of_the_calendar_breaks_nothing(due_on: date) -> None:
    recurrence = Recurrence.of("FREQ=DAILY", RecurrenceTrigger.FINISH, due_on=None, today=TODAY)

    following = recurrence.next_after(due_on, TODAY)

    assert following is None


def test_a_calendar_that_stood_still_for_years_catches_up_at_once() -> None:
    recurrence = Recurrence.of("FREQ=DAILY", RecurrenceTrigger.SCHEDULE, due_on=None, today=TODAY)
    began = time.perf_counter()

    latest = recurrence.latest(TODAY + timedelta(days=1500))

    assert latest == TODAY + timedelta(days=1500)
    assert time.perf_counter() - began < SLOW_S


@pytest.mark.parametrize(
    "rule",
    [
        "", "x", "WEEKLY", "FREQ", "FREQ=", "FREQ=HOURLY", "FREQ=MINUTELY", "FREQ=SECONDLY",
        "FREQ=DAILY;BYHOUR=3", "FREQ=DAILY;BYMINUTE=1", "FREQ=DAILY;BYSECOND=1", "BYDAY=MO",
        "FREQ=DAILY;FREQ=WEEKLY", "FREQ=DAILY;COUNT=0", "FREQ=DAILY;COUNT=-1", "FREQ=DAILY;COUNT=1",
        "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;INTERVAL=1000", "FREQ=DAILY;BYDAY=XX",
        "FREQ=DAILY;BYDAY=", "FREQ=DAILY;BYMONTH=x", "FREQ=DAILY;UNTIL=x", "FREQ=DAILY;UNTIL=2026",
        "FREQ=DAILY;UNTIL=20200101", "FREQ=DAILY;BYEASTER=0", "FREQ=DAILY\nFREQ=WEEKLY",
        "DTSTART:20260101T000000\nRRULE:FREQ=DAILY", "RDATE:20260101", "FREQ=DAILY;X=1",
        "FREQ = DAILY", "FREQ=DAILY;;COUNT=3", "FREQ=DAILY;BYSETPOS=0",
        "FREQ=YEARLY;BYMONTH=13;BYDAY=1MO", "FREQ=YEARLY;BYMONTH=0;BYDAY=1MO", "FREQ=DAILY;WKST=XX",
        "FREQ=MONTHLY;BYDAY=0MO", "FREQ=MONTHLY;BYDAY=99MO", "FREQ=YEARLY;BYWEEKNO=60",
        "FREQ=DAILY;BYMONTHDAY=" + "9" * 50, "FREQ=DAILY;UNTIL=99999999",
        "EXRULE:FREQ=DAILY", "FREQ=DAILY,WEEKLY", "FREQ=DAILY;COUNT=３",  # noqa: RUF001
    ],
)  # fmt: skip
def test_what_is_no_rule_by_days_is_refused(rule: str) -> None:
    with pytest.raises(RuleNotUnderstood):
        Recurrence.of(rule, RecurrenceTrigger.FINISH, due_on=None, today=TODAY)


@pytest.mark.parametrize(
    ("rule", "plain", "days"),
    [
        ("freq=daily", "FREQ=DAILY", "2026-11-22 2026-11-23"),
        (" RRULE:FREQ=WEEKLY;BYDAY=MO,TH; ", "FREQ=WEEKLY;BYDAY=MO,TH", "2026-11-23 2026-11-26"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "FREQ=MONTHLY;BYMONTHDAY=-1", "2026-11-30 2026-12-31"),
        ("FREQ=MONTHLY;BYDAY=-1FR", "FREQ=MONTHLY;BYDAY=-1FR", "2026-11-27 2026-12-25"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", None, "2028-02-29 2032-02-29"),
        ("FREQ=DAILY;COUNT=2", None, "2026-11-22"),
        ("FREQ=DAILY;UNTIL=20261122", None, "2026-11-22"),
        ("FREQ=DAILY;UNTIL=20261122T235959Z", None, "2026-11-22"),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", None, "2026-11-30 2026-12-31"),
        ("FREQ=YEARLY;INTERVAL=10", None, "2036-11-21 2046-11-21"),
        ("FREQ=MONTHLY;INTERVAL=120", None, "2036-11-21 2046-11-21"),
    ],
)
def test_a_rule_gives_its_days(rule: str, plain: str | None, days: str) -> None:
    recurrence = Recurrence.of(rule, RecurrenceTrigger.FINISH, due_on=None, today=TODAY)

    found = [TODAY]
    while following := recurrence.next_after(found[-1], TODAY):
        found.append(following)
        if len(found) == 3:
            break

    assert recurrence.rule == (plain or rule)
    assert [str(day) for day in found[1:]] == days.split()


@pytest.mark.parametrize("count", [2, 5, 30])
def test_a_series_has_as_many_days_as_its_count_says(count: int) -> None:
    rule = f"FREQ=WEEKLY;COUNT={count}"
    every = rrulestr(rule, dtstart=datetime.combine(TODAY, datetime.min.time()))

    days = [TODAY]
    while following := occurrence_after(rule, TODAY, days[-1]):
        days.append(following)

    assert days == [moment.date() for moment in islice(every, 1000)]
    assert len(days) == count
