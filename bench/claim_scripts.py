"""What a claim consists of, as a script that takes the next task again and again."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from bench.calls import Call, Plan
from bench.capture import Capture
from bench.plan import API
from bench.replay import Driver
from bench.scripts import CannotReplay, Fresh, Script, Slot, Step
from nexus.entrypoints.http import Nexus
from nexus.features.tasks.tables import TaskRow
from nexus.platform.database import Database

_NUMBER = [column.name for column in TaskRow.__table__.columns].index("number")
_HEX_ID = re.compile(r"^[0-9a-f]{32}$")
_A_LONG_TIME = 10**15  # microseconds since 1970, as SQLite keeps moments


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The statements of one claim, and its answer."""

    agent_id: UUID
    steps: Sequence[Step]
    answer: Mapping[str, Any]

    @property
    def task_id(self) -> UUID:
        return UUID(self.answer["task"]["id"])

    @property
    def key(self) -> str:
        return self.answer["task"]["key"]

    def shows(self, place: int, row: int, column: int) -> Any:
        return self.steps[place].rows[row][column]


class _Watched(Capture):
    async def claim(self, agent_id: UUID) -> Seen:
        call = Call("POST", f"{API}/agents/assign", "{}")
        steps, answer = await self._sent(call, await self._key_look_up())
        return Seen(agent_id=agent_id, steps=steps, answer=answer)


async def watch(nexus: Nexus, database: Database, driver: Driver, key: str, agent_id: UUID) -> Seen:
    """An agent's second claim: the server knows the agent by then."""
    watched = _Watched(nexus, database, driver, Plan(key=key, calls={}))
    await watched.claim(agent_id)
    return await watched.claim(agent_id)


async def script_of(one: Seen, other: Seen, driver: Driver, ids: Mapping[int, UUID]) -> Script:
    """A script that claims for the first of two agents, from a claim of each.

    It takes the task that its own look finds first; `ids` are those of the tasks, by number.
    """
    if [step.sql for step in one.steps] != [step.sql for step in other.steps]:
        raise CannotReplay("Two claims run different SQL.")
    known = _Known(one, other, ids)
    steps = [
        replace(step, slots=[*known.slots(place, step)]) for place, step in enumerate(one.steps)
    ]
    script = Script(steps=steps, ids=known.made)
    for place, rows in enumerate(await driver.run(script, trying=True)):
        if rows and len(rows[0]) > _NUMBER and ids.get(rows[0][_NUMBER]):
            return replace(script, number_from=(place, _NUMBER))
    raise CannotReplay("No statement of a claim finds the task.")


def under_name_of(script: Script, old: UUID, new: UUID) -> Script:
    """The same script for another agent."""

    def renamed(value: Any) -> Any:
        match value:
            case UUID() if value == old:
                return new
            case str():
                return value.replace(str(old), str(new)).replace(old.hex, new.hex)
            case _:
                return value

    def remade(slot: Slot) -> Slot:
        def make(fresh: Fresh) -> Any:
            return renamed(slot.make(fresh))

        return replace(slot, make=make)

    steps = [
        replace(
            step,
            rows=[[renamed(value) for value in row] for row in step.rows],
            slots=[remade(slot) for slot in step.slots],
        )
        for step in script.steps
    ]
    return replace(script, steps=steps)


def writes_of(script: Script, number: int) -> Script:
    """A claim of the task with this number, without any look before: what it writes."""

    def of(slot: Slot) -> Slot:
        def make(fresh: Fresh) -> Any:
            fresh.number = number
            return slot.make(fresh)

        return replace(slot, make=make, needs_number=False)

    steps = [
        replace(step, slots=[of(slot) for slot in step.slots])
        for step in script.steps
        if step.sql.startswith(("INSERT", "UPDATE"))
    ]
    return Script(steps=steps, ids=script.ids)


class _Known:
    """What differs between two claims, and how to make it for a third."""

    def __init__(self, one: Seen, other: Seen, ids: Mapping[int, UUID]) -> None:
        self._one = one
        self._other = other
        self._of_task = ids
        self._made: dict[UUID, int] = {}
        for place, row, column in self._differing():
            found = _id_of(one.shows(place, row, column))
            if found and found not in {one.agent_id, one.task_id}:
                self._made.setdefault(found, len(self._made))

    @property
    def made(self) -> int:
        """How many ids a claim makes."""
        return len(self._made)

    def slots(self, place: int, step: Step) -> Sequence[Slot]:
        """Lists can stay as they are: they name the tasks whose budgets are looked up."""
        return [
            Slot(
                row=row,
                column=column,
                make=self._maker(step.rows[row][column]),
                needs_number=self._is_of_task(step.rows[row][column]),
            )
            for at, row, column in self._differing()
            if at == place and not isinstance(step.rows[row][column], list)
        ]

    def _differing(self) -> Sequence[tuple[int, int, int]]:
        return [
            (place, row, column)
            for place, step in enumerate(self._one.steps)
            for row, values in enumerate(step.rows)
            for column, value in enumerate(values)
            if value != self._other.shows(place, row, column)
        ]

    def _is_of_task(self, value: Any) -> bool:
        names = (self._one.task_id.hex, str(self._one.task_id), self._one.key)
        return value == self._one.task_id or (
            isinstance(value, str) and any(name in value for name in names)
        )

    def _maker(self, value: Any) -> Callable[[Fresh], Any]:
        match value:
            case UUID():
                return lambda fresh: self._id(value, fresh)
            case datetime():
                return lambda fresh: fresh.at
            case int() if value > _A_LONG_TIME:
                return lambda fresh: round(fresh.at.timestamp() * 1_000_000)
            case str() if _HEX_ID.match(value):
                return lambda fresh: self._id(UUID(value), fresh).hex
            case str():
                return lambda fresh: self._text(value, fresh)
            case _:
                raise CannotReplay(f"Nobody knows how to make another {value!r}.")

    def _id(self, old: UUID, fresh: Fresh) -> UUID:
        if old == self._one.task_id:
            return self._of_task[fresh.number]
        return fresh.ids[self._made[old]] if old in self._made else old

    def _text(self, text: str, fresh: Fresh) -> str:
        prefix = self._one.key.rpartition("-")[0]
        for old in (self._one.task_id, *self._made):
            text = text.replace(str(old), str(self._id(old, fresh)))
        return text.replace(self._one.key, f"{prefix}-{fresh.number}")


def _id_of(value: Any) -> UUID | None:
    if isinstance(value, UUID):
        return value
    return UUID(value) if isinstance(value, str) and _HEX_ID.match(value) else None
