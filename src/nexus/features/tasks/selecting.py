"""What could be taken: ready tasks in their order, what is held already, and the limits."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from nexus.features.tasks.candidates import CandidateRepository
from nexus.features.tasks.choosing import Running, Wants, WorkLimit
from nexus.features.tasks.domain import Task
from nexus.features.tasks.repository import TaskRepository
from nexus.platform.actor import ActorId

AT_ONCE = 50


class CandidateService:
    def __init__(self, tasks: TaskRepository, candidates: CandidateRepository) -> None:
        self._tasks = tasks
        self._candidates = candidates

    async def lock(self) -> None:
        """Stand in line: one claim of a workspace chooses after the other."""
        await self._candidates.lock()

    async def running(self) -> Running:
        return await self._candidates.running()

    async def list_limits(self) -> Sequence[WorkLimit]:
        return await self._candidates.list_limits()

    async def set_limit(self, limit: WorkLimit) -> None:
        """While nobody chooses: a claim counts against the limit that it has read."""
        await self._candidates.lock()
        await self._candidates.set_limit(limit)

    async def list_ready(
        self, wants: Wants, running: Running, *, offset: int, limit: int
    ) -> list[Task]:
        """What an agent could take now, the first to take first, whatever files it is about."""
        return await self._candidates.list_ready(wants, running, offset=offset, limit=limit)

    async def list_open_to_all(self, running: Running, limit: int) -> list[Task]:
        """What somebody could take now, with labels and assignees, the first to take first."""
        return await self._tasks.complete(await self._candidates.list_open(running, limit))

    async def hidden_from(
        self, actor_ids: Collection[ActorId]
    ) -> Mapping[ActorId, Collection[UUID]]:
        """The private projects that each of them may not see."""
        return await self._candidates.hidden_from(actor_ids)

    async def is_seen_by(self, task: Task, actor_id: ActorId) -> bool:
        """Whether somebody else may see a task."""
        return await self._candidates.is_seen_by(task.id, actor_id)
