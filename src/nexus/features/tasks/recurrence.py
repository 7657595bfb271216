"""Tasks that come again: rules in RFC 5545 form, by whole days in UTC: pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from itertools import islice, takewhile

from dateutil.rrule import rrulestr

from nexus.features.tasks.errors import RuleNotUnderstood

_SHIFT = 7600
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
_VALUES = {
    "FREQ": "DAILY|WEEKLY|MONTHLY|YEARLY",
    "INTERVAL": "[1-9][0-9]{0,2}",
    "COUNT": "[1-9][0-9]{0,2}",
    "UNTIL": r"\d{8}(T\d{6}Z?)?",
    "WKST": "MO|TU|WE|TH|FR|SA|SU",
    "BYDAY": "[+-]?([1-9]|[1-4][0-9]|5[0-3])?(MO|TU|WE|TH|FR|SA|SU)",
    "BYMONTHDAY": "[+-]?([1-9]|[12][0-9]|3[01])",
    "BYYEARDAY": "[+-]?([1-9][0-9]?|[12][0-9][0-9]|3[0-5][0-9]|36[0-6])",
    "BYWEEKNO": "[+-]?([1-9]|[1-4][0-9]|5[0-3])",
    "BYMONTH": "[1-9]|1[0-2]",
    "BYSETPOS": "[+-]?([1-9][0-9]?|[12][0-9][0-9]|3[0-5][0-9]|36[0-6])",
}
"""The parts of a rule that are for whole days, and what each takes."""


class RecurrenceTrigger(StrEnum):
    """What makes the next task: finishing the last one, or its day in the calendar."""

    FINISH = "finish"
    SCHEDULE = "schedule"


@dataclass(frozen=True, kw_only=True)
class Recurrence:
    """`starts_on` is the day that the rule counts from; `next_on` only where a calendar rules."""

    rule: str
    trigger: RecurrenceTrigger
    starts_on: date
    next_on: date | None

    @staticmethod
    def of(
        rule: str, trigger: RecurrenceTrigger, *, due_on: date | None, today: date
    ) -> "Recurrence":
        """A new series from a task's due day, or from today. Raises RuleNotUnderstood."""
        starts_on = due_on or today
        plain = understood(rule, starts_on)
        is_scheduled = trigger is RecurrenceTrigger.SCHEDULE
        next_on = occurrence_after(plain, starts_on, max(starts_on, today))
        if next_on is None:
            raise RuleNotUnderstood(why="it never comes again", rule=rule, field="rule")
        return Recurrence(
            rule=plain,
            trigger=trigger,
            starts_on=starts_on,
            next_on=next_on if is_scheduled else None,
        )

    @staticmethod
    def read(rule: str, trigger: str, starts_on: str, next_on: str | None) -> "Recurrence":
        """As the database keeps it."""
        return Recurrence(
            rule=rule,
            trigger=RecurrenceTrigger(trigger),
            starts_on=date.fromisoformat(starts_on),
            next_on=date.fromisoformat(next_on) if next_on else None,
        )

    def is_due(self, today: date) -> bool:
        return self.next_on is not None and self.next_on <= today

    def latest(self, today: date) -> date | None:
        """The last day of the calendar that has come by now."""
        if self.next_on is None:
            return None
        days = takewhile(lambda day: day <= today, _days(self.rule, self.starts_on))
        return max((day for day in days if day >= self.next_on), default=self.next_on)

    def next_after(self, due_on: date | None, today: date) -> date | None:
        """The day of the next task; None when the rule has come to its end."""
        return occurrence_after(self.rule, self.starts_on, max(due_on or today, today))


def understood(rule: str, starts_on: date) -> str:
    """The rule in its plain form. Raises RuleNotUnderstood for what is none, or not by days."""
    plain = rule.strip().removeprefix("RRULE:").upper().rstrip(";")
    why = _complaint(plain, starts_on)
    if why is None:
        try:
            occurrence_after(plain, starts_on, starts_on)
        except (ValueError, OverflowError, TypeError, IndexError) as error:
            why = str(error)
    if why:
        raise RuleNotUnderstood(why=why, rule=rule[:200], field="rule")
    return plain


def _complaint(plain: str, starts_on: date) -> str | None:
    parts = _parts(plain)
    unknown = sorted(set(parts) - _VALUES.keys())
    if ";".join(f"{name}={value}" for name, value in parts.items()) != plain:
        return "write it as FREQ=WEEKLY;BYDAY=MO,TH"
    if unknown:
        return f"{', '.join(unknown)} is not for whole days"
    if "FREQ" not in parts:
        return "it needs FREQ=DAILY, WEEKLY, MONTHLY or YEARLY"
    for name, value in parts.items():
        if not all(re.fullmatch(_VALUES[name], one) for one in value.split(",")):
            return f"{name} cannot be {value[:60]}"
    if not _is_day(parts.get("UNTIL", "20260101")):
        return "UNTIL is no day"
    if not _FIRST_YEAR <= starts_on.year <= _LAST_YEAR:
        return (
            f"its task is due in {starts_on.year}, and years go from {_FIRST_YEAR} to {_LAST_YEAR}"
        )
    return None


def _is_day(until: str) -> bool:
    try:
        date.fromisoformat(until[:8])
    except ValueError:
        return False
    return True


def occurrence_after(rule: str, starts_on: date, day: date) -> date | None:
    """The first day of a rule after another day; None where there is none."""
    return next((one for one in _days(rule, starts_on) if one > day), None)


def _days(rule: str, starts_on: date) -> Iterator[date]:
    """The days of a rule in their order, for some three hundred years.

    The library looks for a day that never comes until the year 9999, which takes seconds. So it is
    asked about a time shortly before that: the calendar comes again every 400 years, weekdays too.
    """
    parts = _parts(rule)
    until = parts.pop("UNTIL", "")[:8]
    count = parts.pop("COUNT", None)
    plain = ";".join(f"{name}={value}" for name, value in parts.items())
    start = starts_on.replace(year=starts_on.year + _SHIFT)
    days = rrulestr(plain, dtstart=datetime.combine(start, time()), ignoretz=True)
    for shifted in islice(days, int(count) if count else None):
        day = shifted.date().replace(year=shifted.year - _SHIFT)
        if until and f"{day:%Y%m%d}" > until:
            return
        yield day


def _parts(rule: str) -> dict[str, str]:
    return dict(re.findall(r"([A-Z]+)=([^;]*)", rule))
