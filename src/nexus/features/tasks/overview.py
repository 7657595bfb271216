"""Looking at the backlog: lists, what a task waits for and why, and a project as a graph."""

from nexus.features.projects.service import ProjectService
from nexus.features.tasks.domain import TaskRef, TaskSort, TaskSummary
from nexus.features.tasks.edges import EdgeRepository, Walk
from nexus.features.tasks.project_graph import ProjectGraph, project_graph
from nexus.features.tasks.repository import TaskRepository
from nexus.features.tasks.selection import TaskFilter
from nexus.features.tasks.summaries import SummaryRepository
from nexus.features.tasks.waiting import Surroundings, Why, why
from nexus.platform.actor import ActorId
from nexus.platform.paging import Page

MAX_NODES = 2000


class OverviewService:
    def __init__(
        self,
        tasks: TaskRepository,
        summaries: SummaryRepository,
        edges: EdgeRepository,
        projects: ProjectService,
    ) -> None:
        self._tasks = tasks
        self._summaries = summaries
        self._edges = edges
        self._projects = projects

    async def list_tasks(
        self, which: TaskFilter, sort: TaskSort, cursor: str | None, limit: int
    ) -> Page[TaskSummary]:
        """A page of tasks. A project that does not exist is said so, not answered with nothing."""
        page = await self._summaries.list_page(which, sort, cursor, limit)
        if not page.items and len(which.projects) == 1:
            await self._projects.get(which.projects[0])
        return page

    async def why(self, ref: str, actor_id: ActorId) -> Why:
        """What a task waits for, down to the root, and what its finish sets free."""
        task, hidden_projects = await self._tasks.get_assigned(TaskRef.of(ref))
        needed, waiting = await self._edges.surroundings(task.id)
        return why(
            task,
            actor_id,
            _surroundings(needed, hidden_projects),
            _surroundings(waiting, hidden_projects),
        )

    async def graph(self, project_key: str, *, finished: bool) -> ProjectGraph:
        """The tasks of a project and what they wait for, the most urgent where they are too many.

        `finished` shows finished tasks as well.
        """
        nodes, count = await self._summaries.list_nodes(
            project_key.upper(), finished=finished, limit=MAX_NODES
        )
        if not nodes:
            await self._projects.get(project_key)
            return project_graph([], [], left_out=0)
        edges, outside = await self._summaries.list_edges(nodes, finished=finished)
        return project_graph([*nodes, *outside], edges, left_out=count - len(nodes))


def _surroundings(walk: Walk, hidden_projects: set[str]) -> Surroundings:
    briefs = {task_id: task.brief for task_id, task in walk.tasks.items()}
    return Surroundings(
        needs=walk.needs,
        briefs=briefs,
        hidden={
            task_id
            for task_id, brief in briefs.items()
            if brief.key.rpartition("-")[0] in hidden_projects
        },
    )
