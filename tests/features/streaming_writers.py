"""Who writes and who reads while events stream: many at once, and never in the same order."""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from nexus.entrypoints.http import Nexus
from nexus.features.events.domain import EventFilter, PastEvent
from nexus.features.events.streaming import Ended, EventStreams, Heartbeat, Item
from nexus.platform.actor import Actor
from tests.cast import Person
from tests.features.people import Browser

WITHIN_S = 60
Call = Callable[[str, str, Any], Awaitable[Any]]
"""Send a method, a path and a body."""


async def write_at_once(call: Call, writers: int, each: int, seed: int) -> None:
    """Writers who create, change and comment tasks of the project API at the same time."""

    async def write(number: int) -> None:
        chance = random.Random(f"{seed} {number}")
        own = await call("POST", "/tasks", {"project": "API", "title": f"By writer {number}"})
        path = f"/tasks/{own['key']}"
        for turn in range(each - 1):
            await asyncio.sleep(chance.uniform(0, 0.02))
            match chance.randrange(3):
                case 0:
                    await call("PATCH", path, {"title": f"Changed {turn}"})
                case 1:
                    await call("POST", f"{path}/comments", {"body": f"Comment {turn}"})
                case _:
                    await call("POST", "/tasks", {"project": "API", "title": f"More {turn}"})

    await asyncio.gather(*(write(number) for number in range(writers)))


async def always(actor: Actor) -> Actor:
    return actor


@dataclass(kw_only=True)
class Reader:
    """Somebody who reads a stream in this process, from a place that moves on."""

    streams: EventStreams
    actor: Actor
    place: int | None = None
    which: EventFilter = field(default_factory=EventFilter)
    seen: list[PastEvent] = field(default_factory=list[PastEvent])

    @property
    def numbers(self) -> list[int]:
        return [event.seq for event in self.seen]

    @property
    def names(self) -> list[str]:
        return [event.name for event in self.seen]

    def opened(self, wait_s: float | None = None) -> AsyncGenerator[Item]:
        actor = self.actor
        return self.streams.read(actor, self.which, self.place, lambda: always(actor), wait_s)

    def take(self, item: Item) -> None:
        match item:
            case Heartbeat():
                self.place = item.seq
            case PastEvent():
                self.place = item.seq
                self.seen.append(item)
            case Ended():
                raise AssertionError(item)

    def has_seen(self, text: str) -> Callable[[], bool]:
        """Whether the newest event tells of something."""
        return lambda: bool(self.seen) and text in str(self.seen[-1])

    def seen_of(self, noun: str) -> int:
        return sum(name.startswith(f"{noun}.") for name in self.names)

    async def read_until(self, is_enough: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN_S), aclosing(self.opened()) as items:
            async for item in items:
                self.take(item)
                if is_enough():
                    return

    async def come_and_go(self, chance: random.Random, until: Callable[[int], bool]) -> None:
        """Leave after a few events and come back to the place, until the place is far enough."""
        async with asyncio.timeout(WITHIN_S):
            while self.place is None or not until(self.place):
                left = chance.randrange(1, 12)
                async with aclosing(self.opened(0.2)) as items:
                    async for item in items:
                        self.take(item)
                        left -= 1
                        if left == 0:
                            break
                await asyncio.sleep(chance.choice([0, 0.005, 0.05]))


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not is_so():  # noqa: ASYNC110 - it is many things that are waited for
            await asyncio.sleep(0.005)


async def all_events(person: Person, after: int, **params: Any) -> list[Any]:
    """The rows of GET /events after a number, however many."""
    found: list[Any] = []
    while page := await person.events(after=after, **params):
        found += page
        after = page[-1]["seq"]
    return found


def data_of(text: str) -> Sequence[str]:
    """What a stream's text holds as data."""
    return [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]


async def last_number(person: Person) -> int:
    return (await person.last_event())["seq"]


def a_reader(app: Nexus, person: Person, place: int | None = None, **which: Any) -> Reader:
    return Reader(streams=app.streams, actor=person.actor, place=place, which=EventFilter(**which))


async def stream_text(person: Person | Browser, **params: Any) -> str:
    """A stream that ends when nothing more is at hand."""
    answer = await person.call("GET", "/events/stream", params={"wait": 0, **params})
    assert answer.status_code == 200, answer.text
    return answer.text


def numbers_in(text: str) -> list[int]:
    return [json.loads(data)["seq"] for data in data_of(text)]


@asynccontextmanager
async def listening(
    app: Nexus, *people: Person | Browser
) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """Streams over HTTP that stay open; each task's result is the answer, once it has ended."""
    before = app.streams.open_count
    tasks = [asyncio.create_task(one.call("GET", "/events/stream")) for one in people]
    try:
        await until(lambda: app.streams.open_count >= before + len(people))
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert app.streams.open_count == before
