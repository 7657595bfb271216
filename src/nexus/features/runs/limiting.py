"""Limits on how many tasks of a project or of a repository agents work on at once."""

from collections.abc import Sequence
from uuid import UUID

from nexus.features.projects.service import ProjectService
from nexus.features.repositories.domain import RepositoryId
from nexus.features.repositories.service import RepositoryService
from nexus.features.runs.errors import LimitSubject
from nexus.features.runs.events import WorkLimitChanged
from nexus.features.tasks.choosing import WorkLimit
from nexus.features.tasks.selecting import CandidateService
from nexus.platform.actor import Actor
from nexus.platform.events import EventLog


class LimitService:
    def __init__(
        self,
        candidates: CandidateService,
        projects: ProjectService,
        repositories: RepositoryService,
        events: EventLog,
    ) -> None:
        self._candidates = candidates
        self._projects = projects
        self._repositories = repositories
        self._events = events

    async def list_limits(self) -> Sequence[WorkLimit]:
        return await self._candidates.list_limits()

    async def set(
        self, *, project: str | None, repository_id: UUID | None, most: int | None, by: Actor
    ) -> WorkLimit:
        """Limit a project or a repository, or (None) no longer. Of a project, its lead may."""
        if (project is None) == (repository_id is None):
            raise LimitSubject
        project_id: UUID | None = None
        if project is not None:
            found = await self._projects.get(project)
            found.check_managed_by(by)
            project_id = found.id
        elif repository_id is not None:
            await self._repositories.get(RepositoryId(repository_id))
        limit = WorkLimit(project_id=project_id, repository_id=repository_id, max_running=most)

        await self._candidates.set_limit(limit)
        self._events.record(
            WorkLimitChanged(
                subject_id=project_id or repository_id or by.workspace_id,
                project_id=project_id,
                max_running=most,
            ),
            by=by,
        )
        return limit
