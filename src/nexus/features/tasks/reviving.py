"""Looking after the liveness of a workspace's tasks, and mending what is safe to mend."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from nexus.features.tasks.edges import EdgeRepository
from nexus.features.tasks.events import TasksRevived
from nexus.features.tasks.graph_reading import GraphReader
from nexus.features.tasks.holding import HoldService
from nexus.features.tasks.liveness import MAX_SHOWN, Liveness, ViolationKind
from nexus.features.tasks.liveness_reading import LivenessReader
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

    async def look(self) -> Liveness:
        """Where each open task stands, and those that cannot go on."""
        return await self._reader.look()

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
