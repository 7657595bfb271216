"""Two workspaces with tasks to claim: one is claimed from at full speed, in the other one waits."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import update

from bench.processes import ServerEnded
from nexus.features.identity.wiring import user_service
from nexus.features.keys.wiring import key_service
from nexus.features.projects.domain import Project, Visibility
from nexus.features.projects.wiring import project_service
from nexus.features.tasks.domain import Task, TaskId, TaskStatus
from nexus.features.tasks.holds import RunState
from nexus.features.tasks.ranks import rank_of_number
from nexus.features.tasks.repository import TaskRepository
from nexus.features.tasks.tables import AssignmentRow, TaskHoldRow, TaskRow
from nexus.features.workspaces.wiring import workspace_service
from nexus.platform.actor import Actor
from nexus.platform.clock import now
from nexus.platform.database import Database
from nexus.platform.database_url import understand_url
from nexus.platform.ids import new_id

PROJECT = "CLAIM"
_BATCH = 500


@dataclass(kw_only=True)
class Backlog:
    """Ready tasks of one project, all alike; `ids` are theirs by number."""

    database: Database
    owner: Actor
    key: str
    project: Project
    ids: dict[int, UUID] = field(default_factory=dict[int, UUID])

    async def add(self, count: int) -> None:
        """So many more, which come after all others."""
        for start in range(0, count, _BATCH):
            size = min(_BATCH, count - start)
            async with self.database.transaction(self.owner.workspace_id) as tx:
                last = (await project_service(tx).take_numbers(PROJECT, size)).last_number
                tasks = [self._task(number) for number in range(last - size + 1, last + 1)]
                await TaskRepository(tx).add(tasks)
            self.ids |= {task.number: task.id for task in tasks}

    async def finish(self, *, expected: int) -> None:
        """Finish all that is held, as quickly as a database can. Raises ServerEnded.

        So many tasks must be held.
        """
        of_workspace = self.owner.workspace_id
        async with self.database.transaction(of_workspace) as tx:
            for table, is_open, values in (
                (TaskHoldRow, TaskHoldRow.ended_at.is_(None), {"ended_at": now()}),
                (
                    AssignmentRow,
                    AssignmentRow.state == RunState.WORKING.value,
                    {"state": RunState.ACCEPTED.value, "ended_at": now()},
                ),
                (
                    TaskRow,
                    TaskRow.status == TaskStatus.IN_PROGRESS.value,
                    {"status": TaskStatus.DONE.value, "finished_at": now()},
                ),
            ):
                mine = table.workspace_id == of_workspace
                found = await tx.execute(update(table).where(mine, is_open).values(values))
                if found.rowcount != expected:
                    raise ServerEnded(f"{found.rowcount} of {expected} claims are in {table}.")

    def _task(self, number: int) -> Task:
        at = now()
        return Task(
            id=TaskId(new_id()),
            workspace_id=self.project.workspace_id,
            project_id=self.project.id,
            project_key=self.project.key,
            number=number,
            title="Retry what was refused",
            description="So that whoever asks is answered. " * 10,
            rank=rank_of_number(number),
            created_by=self.owner.id,
            created_at=at,
            updated_at=at,
        )


@asynccontextmanager
async def a_backlog(url: str, name: str) -> AsyncGenerator[Backlog]:
    """A workspace of its own with an empty project."""
    database = Database(understand_url(url))
    try:
        async with database.system() as tx:
            email = f"owner@{name.lower()}.test"
            user = await user_service(tx).register(email, f"Owner of {name}", None)
            owner = await workspace_service(tx).create(name, user)
            key = await key_service(tx).create("bench", scopes=None, expires_at=None, by=owner)
        async with database.transaction(owner.workspace_id) as tx:
            project = await project_service(tx).create(
                PROJECT,
                name=name,
                description="",
                visibility=Visibility.WORKSPACE,
                lead_id=None,
                by=owner,
            )
        yield Backlog(database=database, owner=owner, key=key.text, project=project)
    finally:
        await database.close()
