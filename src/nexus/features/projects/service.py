"""The verbs of projects."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from nexus.features.projects.domain import (
    Project,
    ProjectId,
    ProjectMember,
    Visibility,
    WorkPolicy,
)
from nexus.features.projects.errors import LeadIsMember, LeadUnknown, ProjectMemberNotFound
from nexus.features.projects.events import (
    ProjectCreated,
    ProjectMemberAdded,
    ProjectMemberRemoved,
    ProjectPolicyChanged,
    ProjectRepositoryAdded,
    ProjectRepositoryRemoved,
    ProjectUpdated,
)
from nexus.features.projects.repository import (
    ProjectMemberRepository,
    ProjectRepository,
    ProjectRepositoryRepository,
)
from nexus.features.repositories.domain import Repository, RepositoryId
from nexus.features.repositories.service import RepositoryService
from nexus.platform.actor import Actor, ActorId
from nexus.platform.clock import now
from nexus.platform.errors import Stale
from nexus.platform.events import EventLog, changes_between
from nexus.platform.fields import tidy
from nexus.platform.ids import new_id
from nexus.platform.paging import Page


class ProjectService:
    def __init__(
        self, projects: ProjectRepository, members: ProjectMemberRepository, events: EventLog
    ) -> None:
        self._projects = projects
        self._members = members
        self._events = events

    async def create(
        self,
        key: str,
        *,
        name: str,
        description: str,
        visibility: Visibility,
        lead_id: ActorId | None,
        by: Actor,
    ) -> Project:
        """A new project. Its maker and its lead, who is its maker unless said, are members."""
        at = now()
        project = Project(
            id=ProjectId(new_id()),
            workspace_id=by.workspace_id,
            key=key,
            name=tidy(name),
            description=description,
            lead_id=lead_id or by.id,
            visibility=visibility,
            last_number=0,
            version=1,
            created_at=at,
            archived_at=None,
        )
        if not await self._members.has_actor(project.lead_id):
            raise LeadUnknown(id=project.lead_id, field="lead_id")

        await self._projects.add(project)
        for actor_id in {by.id, project.lead_id}:
            await self._members.add(project.id, actor_id, at)
        self._events.record(
            ProjectCreated(
                project_id=project.id, key=key, title=project.name, visibility=visibility
            ),
            by=by,
        )
        return project

    async def get(self, key: str) -> Project:
        return await self._projects.get(key)

    async def list_projects(
        self, cursor: str | None, limit: int, *, archived: bool
    ) -> Page[Project]:
        return await self._projects.list_page(cursor, limit, archived=archived)

    async def list_keys(self) -> Sequence[str]:
        return await self._projects.list_keys()

    async def update(
        self,
        key: str,
        *,
        name: str | None,
        description: str | None,
        visibility: Visibility | None,
        lead_id: ActorId | None,
        archived: bool | None,
        version: int | None,
        by: Actor,
    ) -> Project:
        """Change what is given. A new lead becomes a member; so does who makes it private."""
        old = await self._projects.get(key, lock=True)
        old.check_managed_by(by)
        if version not in {None, old.version}:
            raise Stale(what="project", current=old.version, given=version)
        at = now()
        archived_at = old.archived_at
        if archived is not None and archived != (old.archived_at is not None):
            archived_at = at if archived else None
        new = replace(
            old,
            name=tidy(name) if name is not None else old.name,
            description=description if description is not None else old.description,
            visibility=visibility or old.visibility,
            lead_id=lead_id or old.lead_id,
            archived_at=archived_at,
            version=old.version + 1,
        )
        changes = changes_between(
            old, new, "name", "description", "visibility", "lead_id", "archived_at"
        )
        if not changes:
            return old

        if "lead_id" in changes:
            if not await self._members.has_actor(new.lead_id):
                raise LeadUnknown(id=new.lead_id, field="lead_id")
            await self._members.add(new.id, new.lead_id, at)
        if "visibility" in changes and new.visibility is Visibility.PRIVATE:
            await self._members.add(new.id, by.id, at)
        await self._projects.save(new)
        self._events.record(ProjectUpdated(project_id=new.id, changes=changes), by=by)
        return new

    async def set_policy(
        self, key: str, policy: WorkPolicy, *, version: int | None, by: Actor
    ) -> Project:
        """Say what it takes to finish a task of a project. The same policy changes nothing."""
        old = await self._projects.get(key, lock=True)
        old.check_managed_by(by)
        if version not in {None, old.version}:
            raise Stale(what="project", current=old.version, given=version)
        changes = changes_between(
            old.policy, policy, "landing", "acceptors", "evidence", "expansion"
        )
        if not changes:
            return old
        new = replace(old, policy=policy, version=old.version + 1)

        await self._projects.save(new)
        self._events.record(ProjectPolicyChanged(project_id=new.id, changes=changes), by=by)
        return new

    async def take_numbers(self, key: str, count: int) -> Project:
        """Take the next `count` task numbers; `last_number` is the last of them.

        Raises ProjectNotFound or ProjectArchived. The lock on the counter lasts until the commit.
        """
        project = await self._projects.take_numbers(key, count)
        project.check_open()
        return project


class ProjectMemberService:
    def __init__(
        self, projects: ProjectRepository, members: ProjectMemberRepository, events: EventLog
    ) -> None:
        self._projects = projects
        self._members = members
        self._events = events

    async def list_members(self, key: str) -> Sequence[ProjectMember]:
        return await self._members.list_of(await self._projects.get(key))

    async def add(self, key: str, actor_id: ActorId, *, by: Actor) -> None:
        """Add a member. Owners may do so even where they are not members themselves."""
        project = await self._projects.get(key, lock=True, even_hidden=by.is_owner)
        project.check_managed_by(by)
        if not await self._members.has_actor(actor_id):
            raise ProjectMemberNotFound(id=actor_id)

        if await self._members.add(project.id, actor_id, now()):
            self._events.record(
                ProjectMemberAdded(project_id=project.id, member_id=actor_id), by=by
            )

    async def remove(self, key: str, actor_id: ActorId, *, by: Actor) -> None:
        """Remove a member, or leave. Removing who is none changes nothing."""
        project = await self._projects.get(key, lock=True)
        if actor_id != by.id:
            project.check_managed_by(by)
        if not await self._members.is_member(project.id, actor_id):
            return
        if actor_id == project.lead_id:
            raise LeadIsMember(key=project.key)
        project.check_not_last(await self._members.count_of(project.id))

        await self._members.remove(project.id, actor_id)
        self._events.record(ProjectMemberRemoved(project_id=project.id, member_id=actor_id), by=by)


class ProjectRepositoryService:
    """Which repositories a project is about."""

    def __init__(
        self,
        projects: ProjectRepository,
        joins: ProjectRepositoryRepository,
        repositories: RepositoryService,
        events: EventLog,
    ) -> None:
        self._projects = projects
        self._joins = joins
        self._repositories = repositories
        self._events = events

    async def list_repositories(self, key: str) -> Sequence[Repository]:
        repository_ids = await self._joins.list_ids(key)
        if not repository_ids:
            await self._projects.get(key)  # or ProjectNotFound
            return []
        return await self._repositories.list_by_ids(repository_ids)

    async def add(self, key: str, repository_id: UUID, *, by: Actor) -> None:
        project = await self._projects.get(key, lock=True)
        project.check_managed_by(by)
        repository = await self._repositories.get(RepositoryId(repository_id))

        if await self._joins.add(project.id, repository.id, now()):
            self._events.record(
                ProjectRepositoryAdded(project_id=project.id, repository_id=repository.id), by=by
            )

    async def remove(self, key: str, repository_id: UUID, *, by: Actor) -> None:
        project = await self._projects.get(key, lock=True)
        project.check_managed_by(by)

        if await self._joins.remove(project.id, repository_id):
            self._events.record(
                ProjectRepositoryRemoved(project_id=project.id, repository_id=repository_id), by=by
            )
