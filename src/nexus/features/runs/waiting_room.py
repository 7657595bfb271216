"""Agents that wait for work, all of one process: one look for them all, and nobody polls.

Woken by what was committed, a look finds the ready tasks and calls as many agents as there are
tasks for them, those first that came first. Who is called claims as anybody does, and sits down
again where somebody else was quicker.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from nexus.features.agents.domain import Agent
from nexus.features.agents.wiring import agent_service
from nexus.features.runs.dispatching import Wish
from nexus.features.tasks.choosing import Running, Wants, misfits
from nexus.features.tasks.domain import Task
from nexus.features.tasks.wiring import candidate_service, hold_service
from nexus.platform.actor import ActorId, WorkspaceId
from nexus.platform.database import DATABASE_FAILURES, Database
from nexus.platform.logging import logger
from nexus.platform.wakeups import Wakeup

log = logger(__name__)

MOST_LOOKED_AT = 500
LOOKS_AFTER_S = {"sqlite": 1.0, "postgresql": 2.0}
"""How often it looks without being told: a lease runs out silently, and on SQLite nobody tells one
process of another's commits."""
LEARNS_AFTER_S = 1.0
"""How old what it knows of the agents may be: somebody may let them take more meanwhile."""
QUICK_S = 0.02
VAIN_FOR_S = 3.0
"""For how long an agent is not called again for a task that it could not take."""


@dataclass(eq=False)
class Seat:
    """One agent that waits. `refused` are tasks that it was called for in vain, and until when."""

    wants: Wants
    allows_overlap: bool
    called: asyncio.Event = field(default_factory=asyncio.Event)
    called_for: UUID | None = None
    refused: dict[UUID, float] = field(default_factory=dict[UUID, float])

    def takes(self, task: Task, at_s: float) -> bool:
        return (
            not self.called.is_set()
            and self.refused.get(task.id, 0) < at_s
            and not misfits(task, self.wants)
        )


@dataclass(eq=False)
class _Room:
    """Those who wait in one workspace, in the order in which they came."""

    seats: list[Seat] = field(default_factory=list[Seat])
    looking: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    learned_at_s: float = 0.0


class WaitingRoom:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._rooms: dict[WorkspaceId, _Room] = {}
        self._is_stopping = False
        database.wakeups.listen(self._wake)

    @property
    def count(self) -> int:
        return sum(len(room.seats) for room in self._rooms.values())

    def stop(self) -> None:
        """Call everybody: the server ends."""
        self._is_stopping = True
        for room in self._rooms.values():
            for seat in room.seats:
                seat.called.set()

    def seat(self, agent: Agent, wish: Wish) -> Seat:
        """A place to wait, for one agent and one request."""
        return Seat(wants=agent.wants, allows_overlap=wish.allows_overlap)

    async def wait(self, workspace_id: WorkspaceId, seat: Seat, for_s: float) -> bool:
        """Sit until called; False when nothing came in that time, or the server ends."""
        if self._is_stopping:
            return False
        if seat.called_for:
            seat.refused[seat.called_for] = time.monotonic() + VAIN_FOR_S
        seat.called.clear()
        seat.called_for = None
        room = self._enter(workspace_id, seat)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(for_s):
                    await seat.called.wait()
        finally:
            self._leave(workspace_id, room, seat)
        return seat.called.is_set() and not self._is_stopping

    def _enter(self, workspace_id: WorkspaceId, seat: Seat) -> _Room:
        room = self._rooms.get(workspace_id)
        if room is None:
            room = self._rooms[workspace_id] = _Room()
            room.task = asyncio.create_task(self._keep_looking(workspace_id, room))
        room.seats.append(seat)
        room.looking.set()  # something may have come between the caller's look and now
        return room

    def _leave(self, workspace_id: WorkspaceId, room: _Room, seat: Seat) -> None:
        room.seats.remove(seat)
        if not room.seats:
            if room.task:
                room.task.cancel()
            self._rooms.pop(workspace_id, None)

    async def _keep_looking(self, workspace_id: WorkspaceId, room: _Room) -> None:
        pause = LOOKS_AFTER_S[self._database.dialect]
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await room.looking.wait()
            room.looking.clear()
            began_s = time.monotonic()
            try:
                await self._look(workspace_id, room)
            except DATABASE_FAILURES:
                log.warning("waiting_room.look_failed", exc_info=True)
                await asyncio.sleep(pause)
            # A large backlog that fits nobody here must not cost a look per commit.
            took_s = time.monotonic() - began_s
            if took_s > QUICK_S:
                await asyncio.sleep(min(pause, took_s * 4))

    async def _look(self, workspace_id: WorkspaceId, room: _Room) -> None:
        """Call an agent for each ready task that one of them would take."""
        async with self._database.reading(workspace_id) as tx:
            candidates = candidate_service(tx)
            running = await candidates.running()
            tasks = await candidates.list_open_to_all(running, MOST_LOOKED_AT)
            hidden = await candidates.hidden_from({seat.wants.actor_id for seat in room.seats})
            if time.monotonic() > room.learned_at_s + LEARNS_AFTER_S:
                room.learned_at_s = time.monotonic()
                wants = await agent_service(tx).list_wants()
                for seat in room.seats:
                    seat.wants = wants.get(seat.wants.actor_id, seat.wants)
        if running.due:
            async with self._database.transaction(workspace_id) as tx:
                await hold_service(tx).expire_due()  # whose commit wakes this room again
        seats = _by_likeness(room.seats)
        at_s = time.monotonic()
        for task in tasks:
            if not seats:
                return
            _call_for(task, seats, running, hidden, at_s)

    def _wake(self, wakeup: Wakeup) -> None:
        for workspace_id, room in self._rooms.items():
            if wakeup.concerns(workspace_id):
                room.looking.set()


_Hidden = Mapping[ActorId, Collection[UUID]]
_Likes = dict[object, list[Seat]]


def _by_likeness(seats: Sequence[Seat]) -> _Likes:
    """Those who take the same, together: what does not fit one of them fits none."""
    alike: defaultdict[object, list[Seat]] = defaultdict(list)
    for seat in seats:
        if not seat.called.is_set():
            wants = seat.wants
            alike[
                wants.labels,
                wants.min_complexity,
                wants.max_complexity,
                wants.projects,
                wants.repositories,
                seat.allows_overlap,
            ].append(seat)
    return dict(alike)


def _call_for(task: Task, seats: _Likes, running: Running, hidden: _Hidden, at_s: float) -> None:
    """Call the one who has waited longest of those who would take a task."""
    conflict = running.conflict_of(task)
    for group in seats.values():
        if conflict and not group[0].allows_overlap:
            continue
        if not task.assignees and misfits(task, group[0].wants):
            continue
        for seat in group:
            if task.project_id in hidden.get(seat.wants.actor_id, ()):
                continue
            if seat.takes(task, at_s):
                seat.called_for = task.id
                seat.called.set()
                group.remove(seat)
                _tidy(seats)
                return


def _tidy(seats: _Likes) -> None:
    for likeness in [likeness for likeness, group in seats.items() if not group]:
        del seats[likeness]
