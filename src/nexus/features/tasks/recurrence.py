"""Tasks that come again: rules in RFC 5545 form, by whole days in UTC: pure."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import islice

from dateutil.rrule import rrule, rrulestr

from nexus.features.tasks.errors import RuleNotUnderstood

_HORIZON = timedelta(days=9 * 366)  # a 29th of February can be eight years away
_PARTS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", "BYMONTHDAY", "BYYEARDAY",
          "BYWEEKNO", "BYMONTH", "BYSETPOS"}  # fmt: skip
_FREQUENCIES = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}


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
        return _latest(self.rule, self.starts_on, self.next_on, today)

    def next_after(self, due_on: date | None, today: date) -> date | None:
        """The day of the next task; None when the rule has come to its end."""
        return occurrence_after(self.rule, self.starts_on, max(due_on or today, today))


def _latest(rule: str, starts_on: date, first: date, today: date) -> date:
    latest = first
    while (following := occurrence_after(rule, starts_on, latest)) and following <= today:
        latest = following
    return latest


def understood(rule: str, starts_on: date) -> str:
    """The rule in its plain form. Raises RuleNotUnderstood for what is none, or not by days."""
    plain = rule.strip().removeprefix("RRULE:").upper().rstrip(";")
    why = _complaint(plain)
    if why is None:
        try:
            _bounded(plain, starts_on, starts_on)
        except (ValueError, OverflowError, TypeError, IndexError) as error:
            why = str(error)
    if why:
        raise RuleNotUnderstood(why=why, rule=rule[:200], field="rule")
    return plain


def _complaint(plain: str) -> str | None:
    parts: dict[str, str] = dict(re.findall(r"([A-Z]+)=([^;]*)", plain))
    unknown = sorted(set(parts) - _PARTS)
    if ";".join(f"{name}={value}" for name, value in parts.items()) != plain:
        return "write it as FREQ=WEEKLY;BYDAY=MO,TH"
    if unknown:
        return f"{', '.join(unknown)} is not for whole days"
    if parts.get("FREQ") not in _FREQUENCIES:
        return "FREQ is DAILY, WEEKLY, MONTHLY or YEARLY"
    if not re.fullmatch(r"[1-9]\d{0,2}", parts.get("INTERVAL", "1")):
        return "INTERVAL goes from 1 to 999"
    if not re.fullmatch(r"[1-9]\d{0,2}", parts.get("COUNT", "1")):
        return "COUNT goes from 1 to 999"
    return None


def occurrence_after(rule: str, starts_on: date, day: date) -> date | None:
    """The first day of a rule after another day."""
    days, count = _bounded(rule, starts_on, day)
    for moment in islice(days, count):
        if moment.date() > day:
            return moment.date()
    return None


def _bounded(rule: str, starts_on: date, day: date) -> tuple[rrule, int | None]:
    """The rule until well after a day, because one that never fits would be tried for ever.

    The library takes no COUNT beside that end, so it comes apart.
    """
    counted = re.search(r"(?:^|;)COUNT=(\d+)", rule)
    uncounted = re.sub(r"(^|;)COUNT=\d+", "", rule).lstrip(";")
    days = rrulestr(uncounted, dtstart=datetime.combine(starts_on, time()), ignoretz=True)
    if not isinstance(days, rrule):
        raise ValueError("write a single rule")  # noqa: TRY004 - a wrong text, not a wrong type
    end = datetime.combine(max(day, starts_on) + _HORIZON, time())
    until: datetime | None = getattr(days, "_until", None)
    return days.replace(until=min(until, end) if until else end), (
        int(counted[1]) if counted else None
    )
