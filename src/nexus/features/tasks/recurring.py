"""Tasks that come again: their rules, and the next task of a series."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from nexus.features.tasks.domain import Task, TaskDraft, TaskFields, TaskId, TaskRef
from nexus.features.tasks.errors import TaskFinished
from nexus.features.tasks.events import TaskRecurred, TaskRecurrenceChanged, TaskRecurrenceRemoved
from nexus.features.tasks.holds import attributed
from nexus.features.tasks.making import TaskMaker
from nexus.features.tasks.recurrence import Recurrence, RecurrenceTrigger
from nexus.features.tasks.recurrences import RecurrenceRepository
from nexus.features.tasks.repository import TaskRepository
from nexus.platform.actor import Actor, WorkspaceId
from nexus.platform.clock import now
from nexus.platform.events import EventLog


class Series:
    """Makes the next task of a series, in the transaction that calls for it."""

    def __init__(
        self, recurrences: RecurrenceRepository, maker: TaskMaker, events: EventLog
    ) -> None:
        self._recurrences = recurrences
        self._maker = maker
        self._events = events

    async def finished(self, task: Task, *, by: Actor) -> None:
        """Go on with the series of a task that was finished, if that is what makes the next."""
        if task.recurrence and task.recurrence.trigger is RecurrenceTrigger.FINISH:
            due_on = task.recurrence.next_after(task.due_on, now().date())
            await self.go_on(task, task.recurrence, due_on, by=by)

    async def go_on(
        self, task: Task, recurrence: Recurrence, due_on: date | None, *, by: Actor
    ) -> None:
        """The next task, due on a day; None ends the series."""
        following = await self._maker.again(_draft(task, due_on), by=by) if due_on else None
        if following is None or due_on is None:
            await self._recurrences.remove(task.id)
            self._events.record(TaskRecurrenceRemoved(**task.about()), by=by)
            return
        is_scheduled = recurrence.trigger is RecurrenceTrigger.SCHEDULE
        next_on = recurrence.next_after(due_on, now().date()) if is_scheduled else None
        await self._recurrences.hand_on(task.id, following.id, next_on=next_on)
        self._events.record(
            TaskRecurred(**following.about(), after_id=task.id, after_key=task.key), by=by
        )


class RecurrenceService:
    def __init__(
        self,
        tasks: TaskRepository,
        recurrences: RecurrenceRepository,
        series: Series,
        events: EventLog,
    ) -> None:
        self._tasks = tasks
        self._recurrences = recurrences
        self._series = series
        self._events = events

    async def recur(self, ref: str, rule: str, trigger: RecurrenceTrigger, *, by: Actor) -> Task:
        """Let a task come again by a rule. The same rule again changes nothing."""
        old = await self._tasks.get(TaskRef.of(ref), lock=True)
        old.check_not_archived()
        by = attributed(by, [old.hold], key=old.key)
        if old.is_finished:
            raise TaskFinished(key=old.key, status=old.status.value)
        at = now()
        recurrence = Recurrence.of(rule, trigger, due_on=old.due_on, today=at.date())
        is_same = old.recurrence and (old.recurrence.rule, old.recurrence.trigger) == (
            recurrence.rule,
            recurrence.trigger,
        )
        if is_same:
            return old

        await self._recurrences.set(old, recurrence, by=by.id, at=at)
        self._events.record(
            TaskRecurrenceChanged(**old.about(), rule=recurrence.rule, trigger=trigger.value), by=by
        )
        return replace(old, recurrence=recurrence)

    async def unrecur(self, ref: str, *, by: Actor) -> Task:
        """Let a task no longer come again. Where it did not, nothing changes."""
        old = await self._tasks.get(TaskRef.of(ref), lock=True)
        by = attributed(by, [old.hold], key=old.key)
        if old.recurrence is None:
            return old

        await self._recurrences.remove(old.id)
        self._events.record(TaskRecurrenceRemoved(**old.about()), by=by)
        return replace(old, recurrence=None)

    async def list_due(self, today: date) -> Sequence[tuple[WorkspaceId, TaskId]]:
        """The series of all workspaces whose day has come; for the job alone."""
        return await self._recurrences.list_due(today)

    async def go_on(self, task_id: TaskId, today: date) -> None:
        """Make the next task of a series whose day has come; for the job alone.

        After days in which nobody was there to do it, only the latest one is made.
        """
        by = await self._recurrences.maker_of(task_id)
        task = await self._tasks.get(TaskRef(text=str(task_id), id=task_id), lock=True)
        recurrence = task.recurrence
        if by is None or recurrence is None or not recurrence.is_due(today):
            return
        await self._series.go_on(task, recurrence, recurrence.latest(today), by=by)


def _draft(task: Task, due_on: date | None) -> TaskDraft:
    return TaskDraft(
        project=task.project_key,
        fields=TaskFields(
            title=task.title,
            description=task.description,
            details=task.details,
            test_strategy=task.test_strategy,
            priority=task.priority,
            complexity_manual=task.complexity_manual,
            complexity_given=task.complexity_given,
            due_on=due_on,
            repository_id=task.repository_id,
            custom=task.custom,
        ),
        acceptance=tuple(item.text for item in task.acceptance),
        labels=task.labels,
        assignees=tuple(one.id for one in task.assignees),
        parent=str(task.parent_id) if task.parent_id else None,
    )
