"""Why a task stands where it stands in the order of ready tasks: pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest

from nexus.features.tasks.domain import Priority, Task, TaskSummary


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The numbers that the order goes by, from the left, and the reason in words."""

    priority: Priority
    unlock_depth: int
    unlock_count: int
    created_at: datetime
    reason: str


def explained(tasks: Sequence[TaskSummary]) -> list[Explanation]:
    """An explanation for each of some ready tasks in their order."""
    return [
        Explanation(
            priority=task.priority,
            unlock_depth=task.unlock_depth,
            unlock_count=task.unlock_count,
            created_at=task.created_at,
            reason=reason_of(task, following),
        )
        for task, following in zip_longest(tasks, tasks[1:])
    ]


def reason_of(task: Task | TaskSummary, following: Task | TaskSummary | None) -> str:
    """What speaks for a ready task, and what puts it before the one after it."""
    return f"{_merits(task)} {_lead(task, following)}".strip()


def _merits(task: Task | TaskSummary) -> str:
    urgency = f"Its priority is {task.priority.word}"
    if task.priority is Priority.NONE:
        urgency = "It has no priority"
    if task.unlock_count == 0:
        return f"{urgency}; nothing waits for it."
    if task.unlock_count == 1:
        return f"{urgency}; one task waits for it."
    chain = f", {task.unlock_depth} of them in a row" if task.unlock_depth > 1 else ""
    return f"{urgency}; {task.unlock_count} tasks wait for it{chain}."


def _lead(task: Task | TaskSummary, following: Task | TaskSummary | None) -> str:
    """What puts it before the one after it: the first of the numbers in which they differ."""
    if following is None:
        return ""
    if task.priority != following.priority:
        because = f"it is more urgent ({task.priority.word}, not {following.priority.word})"
    elif task.unlock_depth != following.unlock_depth:
        because = f"a longer chain waits for it ({task.unlock_depth}, not {following.unlock_depth})"
    elif task.unlock_count != following.unlock_count:
        because = f"more tasks wait for it ({task.unlock_count}, not {following.unlock_count})"
    else:
        because = f"it is older ({task.created_at:%Y-%m-%d}, not {following.created_at:%Y-%m-%d})"
        if task.created_at.date() == following.created_at.date():
            because = "it was created earlier"
    return f"It comes before {following.key} because {because}."
