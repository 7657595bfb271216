"""Looking after the liveness of a workspace's tasks, and mending what is safe to mend."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from nexus.features.tasks.edges import EdgeRepository
from nexus.features.tasks.events import TasksRevived
from nexus.features.tasks.graph import Unlocks
from nexus.features.tasks.graph_reading import GraphReader
from nexus.features.tasks.holding import HoldService
from nexus.features.tasks.liveness import MAX_SHOWN, Liveness, ViolationKind
from nexus.features.tasks.liveness_reading import LivenessReader
from nexus.features.tasks.workspace_graph import WorkspaceGraph
from nexus.platform.actor import WorkspaceId
from nexus.platform.events import EventLog


class LivenessService:
    def __init__(
        self,
        reader: LivenessReader,
        graph: GraphReader,
        edges: EdgeRepository,
        holds: HoldService,
        events: EventLog,
    ) -> None:
        self._reader = reader
        self._graph = graph
        self._edges = edges
        self._holds = holds
        self._events = events

    async def look(self, *, unlocks: bool = False) -> Liveness:
        """Where each open task stands, and those that cannot go on.

        With `unlocks` also those whose `unlock_...` columns are wrong: that reads the whole graph.
        """
        found = await self._reader.look()
        room = MAX_SHOWN - len(found.violations)
        if not unlocks or room <= 0:
            return found
        wrong = await wrong_unlocks(await self._graph.load())
        more = await self._reader.named(list(wrong)[:room], ViolationKind.UNLOCKS_WRONG)
        return replace(found, violations=[*found.violations, *more])

    async def graph(self) -> WorkspaceGraph:
        """All of it, to be checked outside of any transaction."""
        return await self._graph.load()

    async def repair_unlocks(
        self, workspace_id: WorkspaceId, graph: WorkspaceGraph, wrong: Mapping[UUID, Unlocks]
    ) -> int:
        """Set what tasks unlock to what the graph says, and record it; how many they were.

        Nothing happens where somebody has changed the graph since.
        """
        await self._edges.lock()
        if await self._graph.is_newer_than(graph):
            return 0
        await self._edges.save_unlocks(wrong)
        kind = ViolationKind.UNLOCKS_WRONG
        keys = [one.key for one in await self._reader.named(list(wrong), kind)]
        self._events.record_by_system(
            TasksRevived(workspace_id=workspace_id, kind=kind, keys=keys),
            workspace_id=workspace_id,
        )
        return len(wrong)

    async def list_workspaces(self, after: WorkspaceId | None, limit: int) -> Sequence[WorkspaceId]:
        """All workspaces, some at a time; for the job alone."""
        return await self._reader.list_workspaces(after, limit)

    async def has_repairs(self) -> bool:
        """Whether there is something to mend."""
        found = await self._reader.violations(MAX_SHOWN)
        return any(one.kind.is_safe for one in found)

    async def repair(self, workspace_id: WorkspaceId) -> Mapping[ViolationKind, int]:
        """Mend what nobody needs to be asked about, and record it; how many of each kind."""
        found: defaultdict[ViolationKind, list[str]] = defaultdict(list)
        wrong = [one for one in await self._reader.violations(MAX_SHOWN) if one.kind.is_safe]
        for one in wrong:
            found[one.kind].append(one.key)
        if ViolationKind.LEASE_EXPIRED in found:
            await self._holds.expire_due()
        if ViolationKind.RUN_ADRIFT in found:
            await self._reader.end_adrift()
        if ViolationKind.COUNTS_WRONG in found:
            await self._edges.lock()
            counted = [one.task_id for one in wrong if one.kind is ViolationKind.COUNTS_WRONG]
            await self._graph.recount(counted)
        for kind, keys in found.items():
            self._events.record_by_system(
                TasksRevived(workspace_id=workspace_id, kind=kind, keys=keys),
                workspace_id=workspace_id,
            )
        return {kind: len(keys) for kind, keys in found.items()}


async def wrong_unlocks(graph: WorkspaceGraph) -> dict[UUID, Unlocks]:
    """The tasks whose columns say something else, worked out beside the event loop."""
    return await asyncio.to_thread(graph.wrong_unlocks)
