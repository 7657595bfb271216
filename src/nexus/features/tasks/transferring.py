"""Moving tasks to another project, where they get new keys; the old ones stay valid."""

from dataclasses import replace

from nexus.features.projects.service import ProjectService
from nexus.features.tasks.domain import Task, TaskRef
from nexus.features.tasks.errors import HeldTaskStays, TooManySubtasks
from nexus.features.tasks.events import TaskTransferred
from nexus.features.tasks.holds import attributed
from nexus.features.tasks.ranks import rank_of_number
from nexus.features.tasks.repository import TaskRepository
from nexus.platform.actor import Actor, ActorKind
from nexus.platform.clock import now
from nexus.platform.errors import Stale
from nexus.platform.events import EventLog

MAX_AT_ONCE = 1000


class TransferService:
    def __init__(self, tasks: TaskRepository, projects: ProjectService, events: EventLog) -> None:
        self._tasks = tasks
        self._projects = projects
        self._events = events

    async def transfer(self, ref: str, project_key: str, *, version: int | None, by: Actor) -> Task:
        """Move a task, and its subtasks of the same project, to the end of another board.

        Into the project where it is already it moves in silence.
        """
        old = await self._tasks.get(TaskRef.of(ref), lock=True)
        if version not in {None, old.version}:
            raise Stale(what="task", current=old.version, given=version)
        if project_key.upper() == old.project_key:
            return old
        old.check_not_archived()
        by = attributed(by, [old.hold], key=old.key)
        if by.kind is ActorKind.AGENT and by.run_id:
            raise HeldTaskStays(key=old.key)
        olds = [old, *await self._tasks.complete(await self._tasks.list_below(old))]
        for one in olds[1:] if by.kind is ActorKind.AGENT else ():
            attributed(replace(by, fence=None), [one.hold], key=one.key)
        if len(olds) > MAX_AT_ONCE:
            raise TooManySubtasks(key=old.key, count=len(olds) - 1, limit=MAX_AT_ONCE)
        project = await self._projects.take_numbers(project_key, len(olds))
        first = project.last_number - len(olds) + 1
        news = [
            replace(
                task,
                project_id=project.id,
                project_key=project.key,
                number=number,
                rank=rank_of_number(number),
                version=task.version + 1,
                updated_at=now(),
            )
            for number, task in enumerate(olds, start=first)
        ]

        await self._tasks.add_former_keys(olds)
        await self._tasks.save_many(list(zip(news, olds, strict=True)))
        for new, was in zip(news, olds, strict=True):
            self._events.record(
                TaskTransferred(**new.about(), from_project_id=was.project_id, from_key=was.key),
                by=by,
            )
        return news[0]
