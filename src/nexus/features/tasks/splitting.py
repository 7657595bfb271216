"""Splitting a task: subtasks that wait for one another, all at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nexus.features.projects.service import ProjectService
from nexus.features.tasks.dependencies import TaskGraph
from nexus.features.tasks.domain import Task, TaskId
from nexus.features.tasks.editing import changes_of, new_item
from nexus.features.tasks.errors import TaskFinished
from nexus.features.tasks.events import TaskCreated, TaskUpdated
from nexus.features.tasks.ranks import rank_of_number
from nexus.features.tasks.repository import TaskRepository
from nexus.features.tasks.scoring import Scorer
from nexus.platform.actor import Actor
from nexus.platform.clock import now
from nexus.platform.events import EventLog
from nexus.platform.fields import tidy
from nexus.platform.ids import new_id


@dataclass(frozen=True, kw_only=True)
class Part:
    """A subtask to be. `needs` are the places (from 0) of earlier parts that it waits for."""

    title: str
    description: str = ""
    acceptance: tuple[str, ...] = ()
    complexity: int | None = None
    needs: tuple[int, ...] = ()


class TaskSplitter:
    def __init__(
        self,
        tasks: TaskRepository,
        graph: TaskGraph,
        projects: ProjectService,
        scorer: Scorer,
        events: EventLog,
    ) -> None:
        self._tasks = tasks
        self._graph = graph
        self._projects = projects
        self._scorer = scorer
        self._events = events

    async def lock(self) -> None:
        await self._graph.lock()

    async def split(
        self, parent: Task, parts: Sequence[Part], *, complexity: int | None, by: Actor
    ) -> list[Task]:
        """The new subtasks of a locked task, which gets a complexity as if a file gave it.

        Under the graph lock, taken before the task's. Raises TaskFinished or TaskArchived.
        """
        parent.check_not_archived()
        if parent.is_finished:
            raise TaskFinished(key=parent.key, status=parent.status.value)
        if complexity:
            await self._give(parent, complexity, by)
        if not parts:
            return []

        project = await self._projects.take_numbers(parent.project_key, len(parts))
        first = project.last_number - len(parts) + 1
        subtasks: list[Task] = []
        for number, part in enumerate(parts, start=first):
            subtasks.append(await self._subtask(parent, part, number, subtasks, by))
        await self._tasks.add(subtasks)
        subtasks = await self._graph.born_together(subtasks, parent, by=by)
        for task in subtasks:
            self._events.record(
                TaskCreated(**task.about(), title=task.title, status=task.status), by=by
            )
        return subtasks

    async def _give(self, parent: Task, complexity: int, by: Actor) -> None:
        new = replace(parent, complexity_given=complexity)
        changes = changes_of(parent, new)
        if changes:
            new = replace(new, version=parent.version + 1, updated_at=now())
            await self._tasks.save(await self._scorer.scored(new, was=parent), was=parent)
            self._events.record(TaskUpdated(**new.about(), changes=changes), by=by)

    async def _subtask(
        self, parent: Task, part: Part, number: int, earlier: Sequence[Task], by: Actor
    ) -> Task:
        at = now()
        needed = [earlier[place] for place in part.needs]
        task = Task(
            id=TaskId(new_id()),
            workspace_id=parent.workspace_id,
            project_id=parent.project_id,
            project_key=parent.project_key,
            number=number,
            title=tidy(part.title),
            description=part.description,
            acceptance=tuple(new_item(text) for text in part.acceptance),
            priority=parent.priority,
            complexity_given=part.complexity,
            repository_id=parent.repository_id,
            parent_id=parent.id,
            parent=parent.brief(),
            rank=rank_of_number(number),
            created_by=by.id,
            created_at=at,
            updated_at=at,
            dependencies=tuple(one.brief() for one in needed),
            open_dependencies=parent.open_dependencies + len(needed),
        )
        return await self._scorer.scored(task)
