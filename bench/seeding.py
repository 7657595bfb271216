"""Workspaces full of tasks, put into a database through the product's own repositories."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, TypeVar

from sqlalchemy import insert

from bench.backlog import Backlog, Surroundings, invent
from bench.vocabulary import Vocabulary
from nexus.features.identity.wiring import user_service
from nexus.features.keys.wiring import key_service
from nexus.features.projects.domain import Project, Visibility
from nexus.features.projects.wiring import project_service
from nexus.features.tasks.domain import Task
from nexus.features.tasks.labels import LabelRepository
from nexus.features.tasks.repository import TaskRepository
from nexus.features.tasks.tables import TaskAssigneeRow, TaskDependencyRow, TaskLabelRow
from nexus.features.workspaces.repository import MemberRepository
from nexus.features.workspaces.service import join
from nexus.features.workspaces.wiring import workspace_service
from nexus.platform.actor import ROLE_PERMISSIONS, Actor, ActorKind, Role, WorkspaceId
from nexus.platform.clock import now
from nexus.platform.database import Database, Transaction
from nexus.platform.fields import folded

WORKSPACES, MEMBERS, PROJECTS, LABELS = 5, 8, 10, 30
BATCH = 500
SEED = 20_260_301

T = TypeVar("T")
Advance = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Seeded:
    """One workspace, as far as its owner can see it."""

    key: str
    projects: Sequence[str]
    labels: Sequence[str]
    tasks: Sequence[Task]
    vocabulary: Vocabulary


async def seed(database: Database, tasks: int, advance: Advance) -> Seeded:
    """Fill a migrated database with so many tasks; the first workspace, to be measured.

    The same number gives the same texts and graph. `advance` hears of every batch.
    """
    rng = Random(SEED)
    vocabulary = Vocabulary.drawn(rng)
    per_project = tasks // (WORKSPACES * PROJECTS)
    seeded = [
        await _workspace(database, name, rng, vocabulary, per_project, advance)
        for name in (f"Workspace {number}" for number in range(1, WORKSPACES + 1))
    ]
    return seeded[0]


async def _workspace(
    database: Database,
    name: str,
    rng: Random,
    vocabulary: Vocabulary,
    per_project: int,
    advance: Advance,
) -> Seeded:
    owner, key = await _owner(database, name)
    people = [owner, *[await _member(database, owner, n) for n in range(1, MEMBERS)]]
    labels = vocabulary.words[40 : 40 + LABELS]
    visible: list[str] = []
    tasks: list[Task] = []
    for number in range(PROJECTS):
        # The ninth is private with the measured owner in it, the tenth without.
        maker = people[1] if number == PROJECTS - 1 else owner
        private = number >= PROJECTS - 2
        project = await _project(database, number, maker, per_project, private=private)
        around = Surroundings(
            project=project,
            people=[one.id for one in people],
            labels=labels,
            vocabulary=vocabulary,
        )
        backlog = invent(rng, around, per_project)
        await _add(database, backlog, labels, maker, advance)
        if maker is owner:
            visible.append(project.key)
            tasks += backlog.tasks
    return Seeded(key=key, projects=visible, labels=labels, tasks=tasks, vocabulary=vocabulary)


async def _owner(database: Database, name: str) -> tuple[Actor, str]:
    async with database.system() as tx:
        email = f"owner@{name.lower().replace(' ', '-')}.test"
        user = await user_service(tx).register(email, f"Owner of {name}", None)
        actor = await workspace_service(tx).create(name, user)
        return actor, await _key(tx, actor)


async def _member(database: Database, owner: Actor, number: int) -> Actor:
    async with database.transaction(owner.workspace_id) as tx:
        email = f"member-{number}@{owner.workspace_id}.test"
        user = await user_service(tx).register(email, f"Member {number}", None)
        members = MemberRepository(tx, owner.workspace_id)
        member = await join(members, owner.workspace_id, user, Role.DEVELOPER)
        actor = Actor(
            id=member.id,
            workspace_id=owner.workspace_id,
            kind=ActorKind.MEMBER,
            name=member.name,
            role=member.role,
            user_id=user.id,
            permissions=ROLE_PERMISSIONS[member.role],
        )
        await _key(tx, actor)
        return actor


async def _key(tx: Transaction, actor: Actor) -> str:
    made = await key_service(tx).create("bench", scopes=None, expires_at=None, by=actor)
    return made.text


async def _project(
    database: Database, number: int, maker: Actor, tasks: int, *, private: bool
) -> Project:
    key = f"P{chr(ord('A') + number)}"
    async with database.transaction(maker.workspace_id) as tx:
        projects = project_service(tx)
        project = await projects.create(
            key,
            name=f"Project {key}",
            description="",
            visibility=Visibility.PRIVATE if private else Visibility.WORKSPACE,
            lead_id=None,
            by=maker,
        )
        taken = await projects.take_numbers(key, tasks) if tasks else project
    return replace(project, last_number=taken.last_number)


async def _add(
    database: Database, backlog: Backlog, labels: Sequence[str], by: Actor, advance: Advance
) -> None:
    workspace_id = by.workspace_id
    async with database.transaction(workspace_id) as tx:
        known = await LabelRepository(tx).ensure(labels)
    label_ids = {name: known[folded(name)].id for name in labels}
    for batch in _batches(backlog.tasks):
        async with database.transaction(workspace_id) as tx:
            await TaskRepository(tx).add(batch)
        advance(len(batch))
    edges = {"created_by": by.id, "created_at": now()}
    await _insert(
        database,
        workspace_id,
        {
            TaskDependencyRow: [
                {"task_id": one, "depends_on_id": other, **edges}
                for one, other in backlog.dependencies
            ],
            TaskLabelRow: [
                {"task_id": task_id, "label_id": label_ids[name]}
                for task_id, name in backlog.labels
            ],
            TaskAssigneeRow: [
                {"task_id": task_id, "actor_id": actor_id}
                for task_id, actor_id in backlog.assignees
            ],
        },
    )


async def _insert(
    database: Database, workspace_id: WorkspaceId, rows: Mapping[Any, Sequence[dict[str, Any]]]
) -> None:
    for table, some in rows.items():
        for batch in _batches(some):
            async with database.transaction(workspace_id) as tx:
                of_workspace = [{"workspace_id": workspace_id, **row} for row in batch]
                await tx.execute(insert(table), of_workspace)


def _batches(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]
