"""Reading what happened."""

from dataclasses import replace

from nexus.features.events.domain import EventFilter, HiddenProjects, PastEvent
from nexus.features.events.repository import EventRepository
from nexus.features.tasks.service import TaskService
from nexus.platform.paging import Page


class EventService:
    def __init__(self, events: EventRepository, tasks: TaskService) -> None:
        self._events = events
        self._tasks = tasks

    async def list_events(
        self, which: EventFilter, task_ref: str | None, cursor: str | None, limit: int
    ) -> Page[PastEvent]:
        """The audit log: what happened in the workspace, oldest first unless asked otherwise."""
        return await self._events.list_page(await self.narrowed(which, task_ref), cursor, limit)

    async def narrowed(self, which: EventFilter, task_ref: str | None) -> EventFilter:
        """The filter with the task that a key or id names, if the caller can see it."""
        if task_ref is None:
            return which
        return replace(which, task_id=(await self._tasks.brief(task_ref)).id)

    async def list_activity(self, task_ref: str, cursor: str | None, limit: int) -> Page[PastEvent]:
        """What happened to a task, newest first."""
        which = EventFilter(is_newest_first=True)
        return await self.list_events(which, task_ref, cursor, limit)

    async def beginning(self) -> tuple[int, HiddenProjects]:
        """The number of the newest event (0 without any), and what is hidden from whom."""
        return await self._events.beginning()

    async def hidden_projects(self) -> HiddenProjects:
        return await self._events.hidden_projects()
