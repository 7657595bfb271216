"""Reading what happened."""

from dataclasses import replace

from nexus.features.events.domain import EventFilter, PastEvent
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
        if task_ref:
            which = replace(which, task_id=(await self._tasks.brief(task_ref)).id)
        return await self._events.list_page(which, cursor, limit)

    async def list_activity(self, task_ref: str, cursor: str | None, limit: int) -> Page[PastEvent]:
        """What happened to a task, newest first."""
        which = EventFilter(is_newest_first=True)
        return await self.list_events(which, task_ref, cursor, limit)
