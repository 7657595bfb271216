"""What wake-ups between processes have in common, whatever carries them."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from uuid import UUID, uuid4

from nexus.platform.actor import WorkspaceId
from nexus.platform.logging import logger
from nexus.platform.wakeups import Wakeup, Wakeups

log = logger(__name__)

CHANNEL = "nexus_wakeups"
GATHERED_S = 0.005
AGAIN_AFTER_S = 1.0
LOOKS_AFTER_S = 5.0  # a connection that a firewall has dropped is noticed by using it


class Relay(ABC):
    """Passes this process's wake-ups on, and hears those of the others.

    They are sent just after commits, for all that was committed within 5 ms: inside the
    transactions they would cost every write.
    """

    failures: tuple[type[Exception], ...] = (OSError, TimeoutError)

    def __init__(self, wakeups: Wakeups) -> None:
        self._wakeups = wakeups
        self._own_name = uuid4().hex
        self._pending: set[str] = set()
        self._has_pending = asyncio.Event()
        self.is_connected = False

    async def run_forever(self) -> None:
        """Until cancelled. Without a connection nobody is told, and listeners look on their own."""
        end = self._wakeups.relay(self._pass_on)
        is_known = False
        try:
            while True:
                try:
                    await self.run()
                except self.failures as error:
                    if self.is_connected or not is_known:
                        log.warning("wakeups.disconnected", error=str(error))
                    is_known = True
                finally:
                    self.is_connected = False
                await asyncio.sleep(AGAIN_AFTER_S)
        finally:
            end()

    @abstractmethod
    async def run(self) -> None:
        """Connect, then listen and tell until the connection breaks."""

    @abstractmethod
    async def tell(self, told: Sequence[str]) -> None: ...

    @abstractmethod
    async def look(self) -> None:
        """Use the connection, so that it fails if it is broken."""

    def connected(self) -> None:
        """Whatever was told in the meantime is lost: everybody looks now."""
        self.is_connected = True
        self._wakeups.heard(Wakeup(None, changes_access=True))

    async def pass_on_next(self) -> None:
        """Wait for something to tell, for a while, and tell it."""
        try:
            async with asyncio.timeout(LOOKS_AFTER_S):
                await self._has_pending.wait()
        except TimeoutError:
            await self.look()
            return
        await asyncio.sleep(GATHERED_S)
        told, self._pending = self._pending, set()
        self._has_pending.clear()
        try:
            await self.tell(sorted(told))
        except self.failures:
            self._pending |= told  # the next connection tells it
            self._has_pending.set()
            raise

    def hear(self, told: str) -> None:
        name, workspace, access = told.split(" ")
        if name != self._own_name:
            workspace_id = WorkspaceId(UUID(hex=workspace))
            self._wakeups.heard(Wakeup(frozenset([workspace_id]), changes_access=access == "1"))

    def _pass_on(self, wakeup: Wakeup) -> None:
        access = int(wakeup.changes_access)
        for workspace_id in wakeup.workspace_ids or ():
            self._pending.add(f"{self._own_name} {workspace_id.hex} {access}")
        self._has_pending.set()


def changes_access(told: str) -> bool:
    return told.endswith(" 1")
