"""Taking in many tasks: the part of an import that tasks look after, chunk by chunk."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from nexus.features.projects.domain import Project
from nexus.features.projects.service import ProjectService
from nexus.features.tasks.dependencies import DependencyService, TaskGraph
from nexus.features.tasks.domain import (
    AcceptanceItem,
    ImportedTask,
    NewLink,
    Task,
    TaskId,
    TaskStatus,
)
from nexus.features.tasks.edges import EdgeRepository
from nexus.features.tasks.events import TasksImported
from nexus.features.tasks.graph import Unlocks, finish
from nexus.features.tasks.graph_reading import GraphReader
from nexus.features.tasks.labels import LabelRepository
from nexus.features.tasks.ranks import rank_of_number
from nexus.features.tasks.repository import TaskRepository
from nexus.features.tasks.workspace_graph import WorkspaceGraph
from nexus.platform.actor import Actor
from nexus.platform.clock import now
from nexus.platform.events import EventLog
from nexus.platform.fields import folded
from nexus.platform.ids import new_id


class TaskIntake:
    def __init__(
        self,
        tasks: TaskRepository,
        labels: LabelRepository,
        graph: TaskGraph,
        projects: ProjectService,
        events: EventLog,
    ) -> None:
        self._tasks = tasks
        self._labels = labels
        self._graph = graph
        self._projects = projects
        self._events = events

    async def add(
        self, imported: Sequence[ImportedTask], *, import_id: UUID, by: Actor
    ) -> dict[TaskId, str]:
        """Add tasks without their dependencies, numbered as they come; their keys.

        Parents are here already, or among them and before their subtasks. Under the graph lock
        where any has a parent.
        """
        labels = await self._labels.ensure({name for task in imported for name in task.labels})
        counts = Counter(task.project for task in imported)
        projects = {
            key: await self._projects.take_numbers(key, counts[key]) for key in sorted(counts)
        }
        tasks = _numbered(imported, projects, by)

        await self._tasks.add(tasks)
        own_ids = {task.id for task in tasks}
        more = Counter(
            task.parent_id
            for task in tasks
            if task.parent_id and task.parent_id not in own_ids and not task.is_finished
        )
        for parent_id, count in more.items():
            await self._graph.more_subtasks(parent_id, count)
        await self._tasks.parts.add_labels(
            (task.id, label_id)
            for task in imported
            for label_id in {labels[folded(name)].id for name in task.labels}
        )
        for key, count in counts.items():
            self._events.record(
                TasksImported(import_id=import_id, project_id=projects[key].id, tasks=count), by=by
            )
        return {task.id: task.key for task in tasks}

    async def lock(self) -> None:
        await self._graph.lock()

    async def hold_up(self, task_ids: Sequence[TaskId]) -> None:
        """Keep tasks of long standing, and all below them, from looking ready.

        Until their new dependencies are here and `recount` has had its say. Under the graph lock.
        """
        await self._graph.hold_up(task_ids)

    async def add_links(self, links: Sequence[NewLink]) -> None:
        await self._tasks.parts.add_links(links, at=now())


class GraphIntake:
    """Adds dependencies to what is here, and brings the derived columns in line with them."""

    def __init__(
        self,
        tasks: TaskRepository,
        edges: EdgeRepository,
        reader: GraphReader,
        graph: TaskGraph,
        dependencies: DependencyService,
    ) -> None:
        self._tasks = tasks
        self._edges = edges
        self._reader = reader
        self._graph = graph
        self._dependencies = dependencies

    async def load(self) -> WorkspaceGraph:
        """The graph as it is now, to be thought about outside any transaction."""
        return await self._reader.load()

    async def lock(self) -> None:
        await self._graph.lock()

    async def add(
        self,
        fitting: Collection[tuple[TaskId, TaskId]],
        *,
        known: WorkspaceGraph,
        by: Actor,
    ) -> list[tuple[TaskId, TaskId]]:
        """Add dependencies that fitted into a graph; those that by now close a cycle.

        Under the graph lock. What is there already is left alone.
        """
        there = await self._reader.existing(fitting)
        fresh = [pair for pair in fitting if pair not in there]
        refused: list[tuple[TaskId, TaskId]] = []
        if fresh and await self._reader.is_newer_than(known):
            refused = await self._graph.cyclic(fresh)
        accepted = [pair for pair in fresh if pair not in refused]
        if accepted:
            await self._edges.add(accepted, by=by.id, at=now())
            await self._tasks.forget_estimates({task_id for task_id, _ in accepted})
        return refused

    async def depend(self, task_id: TaskId, on: TaskId, *, by: Actor) -> None:
        """One more thing that a task of long standing waits for, as if a person said so."""
        await self._dependencies.depend(str(task_id), str(on), by=by)

    async def undepend(self, task_id: TaskId, on: TaskId, *, by: Actor) -> None:
        await self._dependencies.undepend(str(task_id), str(on), by=by)

    async def existing(self, pairs: Collection[tuple[TaskId, TaskId]]) -> set[tuple[UUID, UUID]]:
        """Those dependencies among these that are there."""
        return await self._reader.existing(pairs)

    async def recount(self, task_ids: Collection[TaskId]) -> None:
        """Under the graph lock: what these wait for, and their open subtasks."""
        await self._reader.recount(task_ids)

    async def save_unlocks(self, unlocks: Mapping[UUID, Unlocks], *, known: WorkspaceGraph) -> None:
        """Under the graph lock: what tasks unlock, computed anew if somebody came in between."""
        if await self._reader.is_newer_than(known):
            await self._graph.refresh_unlocks([finish(task_id) for task_id in unlocks])
        else:
            await self._edges.save_unlocks(unlocks)


def _numbered(
    imported: Sequence[ImportedTask], projects: Mapping[str, Project], by: Actor
) -> list[Task]:
    counts = Counter(task.project for task in imported)
    numbers = {key: project.last_number - counts[key] for key, project in projects.items()}
    tasks: list[Task] = []
    for one in imported:
        numbers[one.project] += 1
        tasks.append(_task(one, projects[one.project], numbers[one.project], by))
    return tasks


def _task(one: ImportedTask, project: Project, number: int, by: Actor) -> Task:
    at = now()
    changed_at = one.updated_at or one.created_at or at
    is_started = one.status is TaskStatus.IN_PROGRESS
    return Task(
        **one.fields,
        id=one.id,
        workspace_id=by.workspace_id,
        project_id=project.id,
        project_key=project.key,
        number=number,
        complexity_auto=one.fields.get("complexity_given"),  # else a job estimates it
        acceptance=tuple(AcceptanceItem(id=new_id(), text=text) for text in one.acceptance),
        status=one.status,
        parent_id=one.parent_id,
        rank=rank_of_number(number),
        created_by=by.id,
        created_at=one.created_at or at,
        updated_at=changed_at,
        started_at=one.started_at or (changed_at if is_started else None),
        finished_at=(one.finished_at or changed_at) if one.status.is_finished else None,
        open_dependencies=1,  # nothing of it looks ready before `recount` has had its say
    )
