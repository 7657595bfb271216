"""Events as they happen: one tail of each workspace that is listened to, and its readers.

A reader is a place in the log and nothing else. Woken, it takes what comes after its place from
the tail's memory, or, where it lags behind that, from the table; so it can neither miss an event
nor get one twice, and what it has not taken yet costs nobody anything.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import takewhile

from nexus.features.events.domain import EventFilter, HiddenProjects, PastEvent, without_keys
from nexus.features.events.wiring import event_service
from nexus.platform.actor import Actor, WorkspaceId
from nexus.platform.database import DATABASE_FAILURES, Database
from nexus.platform.logging import logger
from nexus.platform.wakeups import Wakeup

log = logger(__name__)

PAGE = 500
REMEMBERED = 2_000  # events of a workspace that readers get without asking the database
HEARTBEAT_S = 15.0
LOOKS_AFTER_S = {"sqlite": 0.5, "postgresql": 2.0}
"""How often a tail looks without being told. On SQLite nobody tells one process of another's."""
ACCESS_EVERY_S = 60.0
"""How often a reader is asked who it is though nothing has changed: a key may have expired."""


@dataclass(frozen=True)
class Heartbeat:
    """Nothing happened up to this number that the reader would see."""

    seq: int


@dataclass(frozen=True)
class Ended:
    """The stream is over. `is_final`: it makes no sense to come back with this credential."""

    reason: str
    is_final: bool


Item = PastEvent | Heartbeat | Ended
StillThere = Callable[[], Awaitable[Actor | None]]
"""Who the reader is now; None if they may no longer read."""


@dataclass
class _Tail:
    """The newest events of one workspace, and who waits for more. `era` rises with access."""

    workspace_id: WorkspaceId
    last: int
    hidden: HiddenProjects
    events: deque[PastEvent] = field(default_factory=lambda: deque[PastEvent](maxlen=REMEMBERED))
    readers: int = 0
    era: int = 0
    looking: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def after(self, seq: int) -> Sequence[PastEvent] | None:
        """The remembered events after a number; None where some of them are forgotten."""
        if seq >= self.last:
            return ()
        if not self.events or self.events[0].seq > seq + 1:
            return None
        # From the end: most readers lag behind by one, and there are a thousand of them.
        newest_first = takewhile(lambda event: event.seq > seq, reversed(self.events))
        return list(newest_first)[::-1]

    def tell(self) -> None:
        """Wake every reader once."""
        woken, self.changed = self.changed, asyncio.Event()
        woken.set()


class EventStreams:
    """All streams of this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tails: dict[WorkspaceId, _Tail] = {}
        self._opening = asyncio.Lock()
        self._wakeups = 0
        self._is_stopping = False
        self._readers = 0
        database.wakeups.listen(self._wake)

    @property
    def open_count(self) -> int:
        return self._readers

    def stop(self) -> None:
        """Tell every reader to come back soon; new ones are told at once."""
        self._is_stopping = True
        for tail in self._tails.values():
            tail.tell()

    async def read(
        self,
        actor: Actor,
        which: EventFilter,
        after: int | None,
        still_there: StillThere,
        wait_s: float | None = None,
    ) -> AsyncGenerator[Item]:
        """What happens after a number (None: from now on), until the reader leaves or must.

        The first item is a heartbeat with the place where the stream begins: not later than the
        newest event, whatever was asked for, since numbers begin anew after a restore. `wait_s`
        is for those who come back: the stream ends when nothing more comes for so long.
        """
        tail = await self._join(actor.workspace_id)
        try:
            reader = _Reader(actor, which, await self._beginning(tail, after), wait_s)
            yield Heartbeat(reader.seq)
            async for item in self._follow(tail, reader, still_there):
                yield item
        finally:
            self._leave(tail)

    async def _beginning(self, tail: _Tail, after: int | None) -> int:
        if after is None or after <= tail.last:
            return tail.last if after is None else after
        # The reader knows more than this tail, which has not looked yet; or of another life.
        async with self._database.reading(tail.workspace_id) as tx:
            newest, _ = await event_service(tx).beginning()
        return min(after, newest)

    async def _follow(
        self, tail: _Tail, reader: "_Reader", still_there: StillThere
    ) -> AsyncGenerator[Item]:
        # Asked at once: access may have changed between authentication and here.
        era, asked_at = tail.era - 1, time.monotonic()
        while True:
            changed = tail.changed  # before looking: what comes while we look is not missed
            if self._is_stopping:
                yield Ended("The server stops. Connect again.", is_final=False)
                return
            if era != tail.era or time.monotonic() >= asked_at + ACCESS_EVERY_S:
                era, asked_at = tail.era, time.monotonic()
                actor = await still_there()
                if actor is None or actor != reader.actor:
                    yield Ended("What you may do has changed.", is_final=actor is None)
                    return
            async for event in self._news(tail, reader):
                reader.said()
                yield event
            if reader.seq < tail.last:
                continue
            if reader.is_silent:
                if reader.wait_s is not None:
                    return
                reader.said()
                yield Heartbeat(reader.seq)
            with suppress(TimeoutError):
                async with asyncio.timeout(reader.patience):
                    await changed.wait()

    async def _news(self, tail: _Tail, reader: "_Reader") -> AsyncGenerator[PastEvent]:
        """What comes after the reader's place, as far as it is at hand; the place moves on."""
        upto = tail.last
        remembered = tail.after(reader.seq)
        if remembered is not None:
            for event in remembered:
                reader.seq = event.seq
                if seen := reader.sees(event, tail.hidden):
                    yield seen
            reader.seq = max(reader.seq, upto)
            return
        async with self._database.reading(tail.workspace_id, viewer=reader.actor.id) as tx:
            which = replace(reader.which, after=reader.seq, is_newest_first=False)
            page = await event_service(tx).list_events(which, None, None, PAGE)
        for event in page.items:
            reader.seq = event.seq
            yield event
        if page.next_cursor is None:
            # Whatever there is up to here was seen, or is not the reader's to see.
            reader.seq = max(reader.seq, upto)

    async def _join(self, workspace_id: WorkspaceId) -> _Tail:
        async with self._opening:
            tail = self._tails.get(workspace_id)
            if tail is None:
                wakeups = self._wakeups
                async with self._database.reading(workspace_id) as tx:
                    last, hidden = await event_service(tx).beginning()
                tail = _Tail(workspace_id=workspace_id, last=last, hidden=hidden)
                if wakeups != self._wakeups:  # it may have been about us, unknown until now
                    tail.looking.set()
                tail.task = asyncio.create_task(self._keep_up(tail))
                self._tails[workspace_id] = tail
            tail.readers += 1
            self._readers += 1
            return tail

    def _leave(self, tail: _Tail) -> None:
        tail.readers -= 1
        self._readers -= 1
        if tail.readers == 0:
            if tail.task:
                tail.task.cancel()
            self._tails.pop(tail.workspace_id, None)

    async def _keep_up(self, tail: _Tail) -> None:
        """Read what is new, whenever told and every few moments; wake the readers."""
        pause = LOOKS_AFTER_S[self._database.dialect]
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await tail.looking.wait()
            tail.looking.clear()
            try:
                is_more = await self._look(tail)
            except DATABASE_FAILURES:
                log.warning("stream.look_failed", exc_info=True)
                is_more = False
                await asyncio.sleep(pause)
            if is_more:
                tail.looking.set()

    async def _look(self, tail: _Tail) -> bool:
        """Take in a page of new events; whether there may be more."""
        async with self._database.reading(tail.workspace_id) as tx:
            events = event_service(tx)
            page = await events.list_events(EventFilter(after=tail.last), None, None, PAGE)
            if any(event.name.startswith("project.") for event in page.items):
                tail.hidden = await events.hidden_projects()
        if page.items:
            tail.events.extend(page.items)
            tail.last = page.items[-1].seq
            tail.tell()
        return page.next_cursor is not None

    def _wake(self, wakeup: Wakeup) -> None:
        self._wakeups += 1
        for tail in self._tails.values():
            if wakeup.concerns(tail.workspace_id):
                tail.looking.set()
                if wakeup.changes_access:
                    tail.era += 1
                    tail.tell()


class _Reader:
    def __init__(self, actor: Actor, which: EventFilter, seq: int, wait_s: float | None) -> None:
        self.actor = actor
        self.which = which
        self.seq = seq
        self.wait_s = wait_s
        self._until = 0.0
        self.said()

    def said(self) -> None:
        """Something was sent, and silence begins anew."""
        self._until = time.monotonic() + (HEARTBEAT_S if self.wait_s is None else self.wait_s)

    @property
    def is_silent(self) -> bool:
        """Whether nothing was sent for as long as that may be, whatever happened to others."""
        return time.monotonic() >= self._until

    @property
    def patience(self) -> float:
        return max(0.0, self._until - time.monotonic())

    def sees(self, event: PastEvent, hidden: HiddenProjects) -> PastEvent | None:
        """The event as this reader may see it; None where it may not, or asked for others."""
        if not self.which.takes(event):
            return None
        own = hidden.of(self.actor.id)
        if not own:
            return event
        if event.project_id in own:
            return None
        return replace(event, payload=without_keys(event.payload, set(own.values())))
