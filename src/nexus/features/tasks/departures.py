"""Letting out many tasks: the part of an export that tasks look after, page by page."""

from collections.abc import AsyncGenerator, Collection, Sequence

from nexus.features.tasks.domain import Task, TaskId, TaskSort, TaskSummary
from nexus.features.tasks.repository import TaskRepository
from nexus.features.tasks.selection import TaskFilter
from nexus.features.tasks.summaries import SummaryRepository

PAGE = 200


class TaskDepartures:
    def __init__(self, tasks: TaskRepository, summaries: SummaryRepository) -> None:
        self._tasks = tasks
        self._summaries = summaries

    async def pages(
        self, projects: Collection[str], *, is_archived: bool
    ) -> AsyncGenerator[Sequence[TaskSummary]]:
        """All tasks of these projects, or of all, by key."""
        which = TaskFilter(projects=tuple(projects), is_archived=is_archived)
        cursor: str | None = None
        while True:
            page = await self._summaries.list_page(which, TaskSort.KEY, cursor, PAGE)
            yield page.items
            if page.next_cursor is None:
                return
            cursor = page.next_cursor

    async def list_whole(self, task_ids: Collection[TaskId]) -> Sequence[Task]:
        return await self._tasks.list_whole(task_ids)
