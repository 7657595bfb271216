"""Projects in and out of the database, always within one workspace and for one viewer."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, delete, exists, func, insert, select, true, update
from sqlalchemy.exc import IntegrityError

from nexus.features.projects.domain import (
    Acceptors,
    EvidenceKind,
    Expansion,
    Landing,
    Project,
    ProjectId,
    ProjectMember,
    Visibility,
    WorkPolicy,
)
from nexus.features.projects.errors import ProjectKeyTaken, ProjectNotFound
from nexus.features.projects.tables import ProjectMemberRow, ProjectRepositoryRow, ProjectRow
from nexus.platform.actor import ActorId
from nexus.platform.database import Transaction
from nexus.platform.paging import Page, page_of, read_cursor
from nexus.platform.rows import ActorRow
from nexus.platform.visibility import visible


class ProjectRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def get(self, key: str, *, lock: bool = False, even_hidden: bool = False) -> Project:
        """A project by its key. `even_hidden`: for an owner who brings members back into it."""
        query = self._projects(even_hidden=even_hidden).where(ProjectRow.key == key.upper())
        if lock:
            query = query.with_for_update(key_share=True)
        row = (await self._tx.execute(query)).first()
        if row is None:
            raise ProjectNotFound(key=key[:60])
        return _project(row)

    async def list_page(self, cursor: str | None, limit: int, *, archived: bool) -> Page[Project]:
        query = self._projects()
        if archived:
            query = query.where(ProjectRow.archived_at.is_not(None))
        else:
            query = query.where(ProjectRow.archived_at.is_(None))
        if cursor:
            (last,) = read_cursor("projects", cursor, tuple[str])
            query = query.where(ProjectRow.key > last)
        found = await self._tx.execute(query.order_by(ProjectRow.key).limit(limit + 1))
        return page_of([_project(row) for row in found], limit, "projects", lambda p: (p.key,))

    async def list_keys(self) -> Sequence[str]:
        """All keys that are taken, of hidden and archived projects too."""
        found = await self._tx.execute(
            select(ProjectRow.key).where(ProjectRow.workspace_id == self._tx.workspace_id)
        )
        return found.scalars().all()

    async def add(self, project: Project) -> None:
        try:
            await self._tx.execute(insert(ProjectRow).values(_columns(project)))
        except IntegrityError as error:
            raise ProjectKeyTaken(key=project.key) from error

    async def save(self, project: Project) -> None:
        values = _columns(project)
        del values["last_number"]  # a counter, changed by take_numbers alone
        await self._tx.execute(
            update(ProjectRow)
            .where(ProjectRow.workspace_id == self._tx.workspace_id, ProjectRow.id == project.id)
            .values(values)
        )

    async def take_numbers(self, key: str, count: int) -> Project:
        """Count on by so many numbers, and the project as it is then: the last one is taken."""
        taken = await self._tx.execute(
            update(ProjectRow)
            .where(
                ProjectRow.workspace_id == self._tx.workspace_id,
                ProjectRow.key == key.upper(),
                visible(ProjectRow.id, self._tx),
            )
            .values(last_number=ProjectRow.last_number + count)
            .returning(*ProjectRow.__table__.columns)
        )
        row = taken.first()
        if row is None:
            raise ProjectNotFound(key=key[:60])
        return _project(row)

    def _projects(self, *, even_hidden: bool = False) -> Select[Any]:
        shown = true() if even_hidden else visible(ProjectRow.id, self._tx)
        return select(ProjectRow).where(ProjectRow.workspace_id == self._tx.workspace_id, shown)


class ProjectMemberRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def list_of(self, project: Project) -> Sequence[ProjectMember]:
        found = await self._tx.execute(
            select(ActorRow.id, ActorRow.name, ActorRow.handle)
            .join(ProjectMemberRow, ProjectMemberRow.actor_id == ActorRow.id)
            .where(
                ProjectMemberRow.workspace_id == self._tx.workspace_id,
                ProjectMemberRow.project_id == project.id,
                ActorRow.removed_at.is_(None),
            )
            .order_by(ActorRow.handle)
            .limit(1000)
        )
        return [
            ProjectMember(
                actor_id=row.id,
                name=row.name,
                handle=row.handle,
                is_lead=row.id == project.lead_id,
            )
            for row in found
        ]

    async def has_actor(self, actor_id: ActorId) -> bool:
        """Whether it is somebody present in this workspace."""
        found = await self._tx.execute(
            select(
                exists().where(
                    ActorRow.workspace_id == self._tx.workspace_id,
                    ActorRow.id == actor_id,
                    ActorRow.removed_at.is_(None),
                )
            )
        )
        return found.scalar_one()

    async def add(self, project_id: ProjectId, actor_id: ActorId, at: datetime) -> bool:
        """False if the actor is a member already."""
        if await self.is_member(project_id, actor_id):
            return False
        await self._tx.execute(
            insert(ProjectMemberRow).values(
                workspace_id=self._tx.workspace_id,
                project_id=project_id,
                actor_id=actor_id,
                added_at=at,
            )
        )
        return True

    async def is_member(self, project_id: ProjectId, actor_id: ActorId) -> bool:
        found = await self._tx.execute(select(exists().where(*self._one(project_id, actor_id))))
        return found.scalar_one()

    async def remove(self, project_id: ProjectId, actor_id: ActorId) -> None:
        await self._tx.execute(delete(ProjectMemberRow).where(*self._one(project_id, actor_id)))

    async def count_of(self, project_id: ProjectId) -> int:
        found = await self._tx.execute(
            select(func.count())
            .select_from(ProjectMemberRow)
            .join(ActorRow, ActorRow.id == ProjectMemberRow.actor_id)
            .where(
                ProjectMemberRow.workspace_id == self._tx.workspace_id,
                ProjectMemberRow.project_id == project_id,
                ActorRow.removed_at.is_(None),
            )
        )
        return found.scalar_one()

    def _one(self, project_id: ProjectId, actor_id: ActorId) -> tuple[Any, ...]:
        return (
            ProjectMemberRow.workspace_id == self._tx.workspace_id,
            ProjectMemberRow.project_id == project_id,
            ProjectMemberRow.actor_id == actor_id,
        )


class ProjectRepositoryRepository:
    """Which repositories a project is about."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def list_ids(self, project_key: str) -> Sequence[UUID]:
        """Of a project that can be seen; none where there is no such project."""
        found = await self._tx.execute(
            select(ProjectRepositoryRow.repository_id)
            .join(ProjectRow, ProjectRow.id == ProjectRepositoryRow.project_id)
            .where(
                ProjectRepositoryRow.workspace_id == self._tx.workspace_id,
                ProjectRow.workspace_id == self._tx.workspace_id,
                ProjectRow.key == project_key.upper(),
                visible(ProjectRow.id, self._tx),
            )
            .order_by(ProjectRepositoryRow.added_at)
            .limit(1000)
        )
        return found.scalars().all()

    async def add(self, project_id: ProjectId, repository_id: UUID, at: datetime) -> bool:
        one = self._one(project_id, repository_id)
        known = await self._tx.execute(select(exists().where(*one)))
        if known.scalar_one():
            return False
        await self._tx.execute(
            insert(ProjectRepositoryRow).values(
                workspace_id=self._tx.workspace_id,
                project_id=project_id,
                repository_id=repository_id,
                added_at=at,
            )
        )
        return True

    async def remove(self, project_id: ProjectId, repository_id: UUID) -> bool:
        one = self._one(project_id, repository_id)
        removed = await self._tx.execute(delete(ProjectRepositoryRow).where(*one))
        return removed.rowcount > 0

    def _one(self, project_id: ProjectId, repository_id: UUID) -> tuple[Any, ...]:
        return (
            ProjectRepositoryRow.workspace_id == self._tx.workspace_id,
            ProjectRepositoryRow.project_id == project_id,
            ProjectRepositoryRow.repository_id == repository_id,
        )


def _columns(project: Project) -> dict[str, Any]:
    return {
        "id": project.id,
        "workspace_id": project.workspace_id,
        "key": project.key,
        "name": project.name,
        "description": project.description,
        "lead_id": project.lead_id,
        "visibility": project.visibility.value,
        "last_number": project.last_number,
        "landing": project.policy.landing.value,
        "acceptors": project.policy.acceptors.value,
        "evidence": [kind.value for kind in project.policy.evidence],
        "expansion": project.policy.expansion.value,
        "version": project.version,
        "created_at": project.created_at,
        "archived_at": project.archived_at,
    }


def _project(row: Row[Any]) -> Project:
    return Project(
        id=row.id,
        workspace_id=row.workspace_id,
        key=row.key,
        name=row.name,
        description=row.description,
        lead_id=row.lead_id,
        visibility=Visibility(row.visibility),
        last_number=row.last_number,
        version=row.version,
        created_at=row.created_at,
        archived_at=row.archived_at,
        policy=WorkPolicy(
            landing=Landing(row.landing),
            acceptors=Acceptors(row.acceptors),
            evidence=tuple(EvidenceKind(kind) for kind in row.evidence),
            expansion=Expansion(row.expansion),
        ),
    )
