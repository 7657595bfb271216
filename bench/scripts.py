"""The statements of a request as a script, which can run again and again: writes with fresh ids."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from nexus.features.tasks.ranks import rank_of_number
from nexus.platform.ids import new_id

_HEX_ID = re.compile(r"^[0-9a-f]{32}$")
_A_LONG_TIME = 10**15  # microseconds since 1970, as SQLite keeps moments


class CannotReplay(Exception):
    """The requests of an operation differ in a way that the benchmark does not know."""


class Fresh:
    """What a write makes anew each time."""

    def __init__(self, ids: int) -> None:
        self.ids = [new_id() for _ in range(ids)]
        self.at = datetime.now(UTC)
        self.number = 0  # until the script has taken it

    def learn_number(self, script: "Script", results: Sequence[Any]) -> None:
        """Take the task number out of the newest result, if that is where it comes from."""
        if script.number_from and len(results) == script.number_from[0] + 1:
            self.number = results[-1][0][script.number_from[1]]

    def lacks_number_for(self, step: "Step") -> bool:
        return self.number == 0 and any(slot.needs_number for slot in step.slots)


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A parameter that is made anew: where it stands, and how."""

    row: int
    column: int
    make: Callable[[Fresh], Any]
    needs_number: bool


@dataclass(frozen=True, kw_only=True)
class Step:
    """One statement with its parameters, a row of them or (`many`) several."""

    sql: str
    rows: Sequence[Sequence[Any]]
    many: bool
    in_transaction: bool
    slots: Sequence[Slot] = ()

    def filled(self, fresh: Fresh) -> Sequence[Sequence[Any]]:
        if not self.slots:
            return self.rows
        rows = [list(row) for row in self.rows]
        for slot in self.slots:
            rows[slot.row][slot.column] = slot.make(fresh)
        return rows


@dataclass(frozen=True, kw_only=True)
class Script:
    """The statements of one request.

    One that makes a task takes its number with one of its statements: `number_from` is that step
    and the column of its row; `next_number` is what it would get right after the capture.
    """

    steps: Sequence[Step]
    ids: int = 0
    next_number: int | None = None
    number_from: tuple[int, int] | None = None


def script_of_twins(one: list[Step], answer: Any, other: list[Step], later: Any) -> Script:
    """A write's script, from twice the same request: what differs is made anew each time."""
    if [step.sql for step in one] != [step.sql for step in other]:
        raise CannotReplay(f"Twice the same request runs different SQL: {answer['key']}.")
    ids: dict[str, int] = {}
    for step, twin in zip(one, other, strict=True):
        for row, column in _differing(step, twin):
            if name := _id_of(step.rows[row][column]):
                ids.setdefault(name, len(ids))
    is_new = answer["id"] != later["id"]
    known = _Known(ids=ids, key=answer["key"] if is_new else None, rank=answer["rank"])
    return Script(
        steps=[_with_slots(*pair, known) for pair in zip(one, other, strict=True)],
        ids=len(ids),
        next_number=_number_of(later["key"]) + 1 if is_new else None,
    )


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What a captured write has made: ids by place, and where it made a task, key and rank."""

    ids: dict[str, int]
    key: str | None
    rank: str

    def slot(self, row: int, column: int, value: Any) -> Slot | None:
        """How to make a value like this one anew; None for what can stay."""
        make: Callable[[Fresh], Any] | None = None
        needs_number = False
        match value:
            case UUID() if value.hex in self.ids:
                place = self.ids[value.hex]
                make = lambda fresh: fresh.ids[place]  # noqa: E731 - the shortest honest form
            case str() if value in self.ids:
                place = self.ids[value]
                make = lambda fresh: fresh.ids[place].hex  # noqa: E731
            case datetime():
                make = lambda fresh: fresh.at  # noqa: E731
            case int() if value > _A_LONG_TIME:
                make = lambda fresh: round(fresh.at.timestamp() * 1_000_000)  # noqa: E731
            case int() if self.key and value == _number_of(self.key):
                needs_number = True
                make = lambda fresh: fresh.number  # noqa: E731
            case str() if self.key and value == self.rank:
                needs_number = True
                make = lambda fresh: rank_of_number(fresh.number)  # noqa: E731
            case str():
                needs_number = bool(self.key and self.key in value)
                make = self._text_maker(value)
            case _:
                pass
        return make and Slot(row=row, column=column, make=make, needs_number=needs_number)

    def _text_maker(self, value: str) -> Callable[[Fresh], str] | None:
        """For texts that speak of new ids or of the new key."""
        named = {str(UUID(name)): place for name, place in self.ids.items()}
        named = {name: place for name, place in named.items() if name in value}
        key = self.key if self.key and self.key in value else None
        if not named and not key:
            return None

        def make(fresh: Fresh) -> str:
            text = value
            for name, place in named.items():
                text = text.replace(name, str(fresh.ids[place]))
            if key:
                text = text.replace(key, f"{key.rpartition('-')[0]}-{fresh.number}")
            return text

        return make


def _with_slots(step: Step, twin: Step, known: _Known) -> Step:
    slots = [
        known.slot(row, column, step.rows[row][column]) for row, column in _differing(step, twin)
    ]
    return replace(step, slots=[slot for slot in slots if slot])


def _differing(step: Step, twin: Step) -> list[tuple[int, int]]:
    """Where the parameters of two runs of one statement differ, by row and column."""
    return [
        (row, column)
        for row, values in enumerate(step.rows)
        for column, value in enumerate(values)
        if value != twin.rows[row][column]
    ]


def _number_of(key: str) -> int:
    return int(key.rpartition("-")[2])


def _id_of(value: Any) -> str | None:
    if isinstance(value, UUID):
        return value.hex
    return value if isinstance(value, str) and _HEX_ID.match(value) else None
