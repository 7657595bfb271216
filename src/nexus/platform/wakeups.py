"""Wake-ups: who waits for something to be committed is told when to look.

The events table is the truth. A wake-up that is lost costs its listener the time until it looks
of its own accord, and never an event.
"""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass

from nexus.platform.actor import WorkspaceId


@dataclass(frozen=True)
class Wakeup:
    """`workspace_ids` None: any of them, something may have been missed.

    `changes_access`: who may do what is no longer what it was (a key, a session, a member).
    """

    workspace_ids: frozenset[WorkspaceId] | None
    changes_access: bool

    def concerns(self, workspace_id: WorkspaceId) -> bool:
        return self.workspace_ids is None or workspace_id in self.workspace_ids


Listener = Callable[[Wakeup], None]


class Wakeups:
    """Tells this process at once what it committed itself, and what others say they did."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._relays: list[Listener] = []

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` at every wake-up; it must not wait. Returns what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def until_told(self, workspace_id: WorkspaceId, for_s: float) -> None:
        """Wait until something of a workspace is committed, and no longer than so."""
        told = asyncio.Event()

        def hear(wakeup: Wakeup) -> None:
            if wakeup.concerns(workspace_id):
                told.set()

        forget = self.listen(hear)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(for_s):
                    await told.wait()
        finally:
            forget()

    def relay(self, relay: Listener) -> Callable[[], None]:
        """Have `relay` pass on to other processes what this one commits."""
        self._relays.append(relay)
        return lambda: self._relays.remove(relay)

    def committed(self, workspace_ids: Collection[WorkspaceId], *, changes_access: bool) -> None:
        """This process has committed events of these workspaces."""
        wakeup = Wakeup(frozenset(workspace_ids), changes_access=changes_access)
        self.heard(wakeup)
        for relay in tuple(self._relays):
            relay(wakeup)

    def heard(self, wakeup: Wakeup) -> None:
        """Another process says so."""
        for listener in tuple(self._listeners):
            listener(wakeup)
