"""Links between tasks, and from tasks to pages: relations that block nothing."""

from dataclasses import replace
from uuid import UUID

from nexus.features.tasks.domain import NewLink, Task, TaskBrief, TaskLink, TaskRef
from nexus.features.tasks.errors import (
    LinkNotFound,
    LinkTarget,
    ReferenceUnknown,
    TaskNotFound,
)
from nexus.features.tasks.events import TaskLinkAdded, TaskLinkRemoved
from nexus.features.tasks.holds import attributed
from nexus.features.tasks.repository import TaskRepository
from nexus.platform.actor import Actor
from nexus.platform.clock import now
from nexus.platform.events import EventLog
from nexus.platform.fields import tidy


class LinkService:
    def __init__(self, tasks: TaskRepository, events: EventLog) -> None:
        self._tasks = tasks
        self._events = events

    async def link(
        self, ref: str, kind: str, *, task: str | None, url: str | None, title: str, by: Actor
    ) -> Task:
        """Relate a task to another one or to a page; this blocks nothing."""
        if (task is None) == (url is None):
            raise LinkTarget
        old = await self._tasks.get(TaskRef.of(ref), lock=True)
        old.check_not_archived()
        by = attributed(by, [old.hold], key=old.key)
        other = await self._other(task) if task else None
        at = now()
        made = NewLink(
            task_id=old.id,
            kind=kind,
            other_id=other.id if other else None,
            url=url,
            title=tidy(title),
        )

        [link_id] = await self._tasks.parts.add_links([made], at=at)
        link = TaskLink(id=link_id, kind=kind, task=other, url=url, title=made.title)
        new = replace(old, links=(*old.links, link), version=old.version + 1, updated_at=at)
        await self._tasks.save(new, was=old)
        self._events.record(
            TaskLinkAdded(
                task_id=new.id, project_id=new.project_id, key=new.key, link_id=link.id, kind=kind
            ),
            by=by,
        )
        return new

    async def unlink(self, ref: str, link_id: UUID, *, by: Actor) -> Task:
        old = await self._tasks.get(TaskRef.of(ref), lock=True)
        link = next((one for one in old.links if one.id == link_id), None)
        old.check_not_archived()
        by = attributed(by, [old.hold], key=old.key)
        if link is None:
            raise LinkNotFound(key=old.key, id=link_id)
        kept = tuple(one for one in old.links if one.id != link_id)
        new = replace(old, links=kept, version=old.version + 1, updated_at=now())

        await self._tasks.parts.remove_link(link_id)
        await self._tasks.save(new, was=old)
        self._events.record(
            TaskLinkRemoved(
                task_id=new.id,
                project_id=new.project_id,
                key=new.key,
                link_id=link_id,
                kind=link.kind,
            ),
            by=by,
        )
        return new

    async def _other(self, text: str) -> TaskBrief:
        try:
            return (await self._tasks.get_plain(TaskRef.in_field(text, "task"))).brief()
        except TaskNotFound as error:
            raise ReferenceUnknown(id=text, field="task") from error
