"""The tasks of one seeded project: pure, and the same for the same random numbers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from random import Random

from bench.vocabulary import Vocabulary
from nexus.features.projects.domain import Project
from nexus.features.tasks.domain import Priority, Task, TaskId, TaskStatus
from nexus.features.tasks.graph import (
    Need,
    needs_of_dependency,
    needs_of_parent,
    needs_of_tasks,
    unlocks,
)
from nexus.features.tasks.ranks import rank_of_number
from nexus.platform.actor import ActorId
from nexus.platform.ids import new_id

LONGEST_CHAIN = 4
_NEAR = 30  # a task is related to one of so many before it
_FIRST_DAY = datetime(2024, 6, 1, 8, tzinfo=UTC)
_SPAN = timedelta(days=730)
_STATUSES = {
    TaskStatus.BACKLOG: 15,
    TaskStatus.TODO: 35,
    TaskStatus.IN_PROGRESS: 8,
    TaskStatus.IN_REVIEW: 5,
    TaskStatus.DEFERRED: 5,
    TaskStatus.DONE: 27,
    TaskStatus.CANCELLED: 5,
}
_PRIORITIES = {
    Priority.CRITICAL: 3,
    Priority.HIGH: 15,
    Priority.MEDIUM: 40,
    Priority.LOW: 22,
    Priority.NONE: 20,
}


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """A project's tasks in the order of their numbers, and what belongs to them."""

    tasks: Sequence[Task]
    dependencies: Sequence[tuple[TaskId, TaskId]]
    labels: Sequence[tuple[TaskId, str]]
    assignees: Sequence[tuple[TaskId, ActorId]]


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a project's tasks refer to."""

    project: Project
    people: Sequence[ActorId]
    labels: Sequence[str]
    vocabulary: Vocabulary


def invent(rng: Random, around: Surroundings, count: int) -> Backlog:
    """So many tasks, whose derived columns are right."""
    tasks: list[Task] = []
    dependencies: list[tuple[TaskId, TaskId]] = []
    chains: dict[TaskId, int] = {}
    for number in range(1, count + 1):
        task = _task(rng, around, number, number / count)
        near = [one for one in tasks[-_NEAR:] if one.parent_id is None]
        relation = rng.random()
        # Subtasks have no dependencies and nothing depends on them: so no cycle can close.
        if near and relation < 0.12:
            task = replace(task, parent_id=rng.choice(near).id)
        elif near and relation < 0.27:
            for other in rng.sample(near, min(len(near), rng.choice([1, 1, 2]))):
                if chains.get(other.id, 1) < LONGEST_CHAIN:
                    dependencies.append((task.id, other.id))
                    chains[task.id] = max(chains.get(task.id, 1), chains.get(other.id, 1) + 1)
        tasks.append(task)
    return Backlog(
        tasks=_with_derived(tasks, dependencies),
        dependencies=dependencies,
        labels=[
            (task.id, name)
            for task in tasks
            for name in rng.sample(around.labels, rng.choice([0, 1, 1, 2, 3]))
        ],
        assignees=[
            (task.id, actor_id)
            for task in tasks
            for actor_id in rng.sample(around.people, rng.choice([0, 0, 0, 1, 1, 2]))
        ],
    )


def _task(rng: Random, around: Surroundings, number: int, progress: float) -> Task:
    project, words = around.project, around.vocabulary
    created_at = _FIRST_DAY + _SPAN * progress - timedelta(seconds=rng.randrange(86_400))
    [status] = rng.choices(list(_STATUSES), weights=list(_STATUSES.values()))
    [priority] = rng.choices(list(_PRIORITIES), weights=list(_PRIORITIES.values()))
    updated_at = created_at + timedelta(hours=rng.expovariate(1 / 200))
    is_old = status.is_finished and rng.random() < 0.1
    return Task(
        id=TaskId(new_id()),
        workspace_id=project.workspace_id,
        project_id=project.id,
        project_key=project.key,
        number=number,
        title=words.title(rng),
        description=words.paragraphs(rng, rng.randint(15, 90)),
        details=words.paragraphs(rng, 30) if rng.random() < 0.2 else "",
        status=status,
        priority=priority,
        complexity_auto=rng.randint(1, 10) if rng.random() < 0.3 else None,
        due_on=date(2026, 1, 1) + timedelta(days=rng.randrange(365))
        if rng.random() < 0.2
        else None,
        rank=rank_of_number(number),
        version=rng.randint(1, 6),
        created_by=rng.choice(around.people),
        created_at=created_at,
        updated_at=updated_at,
        started_at=updated_at if status is TaskStatus.IN_PROGRESS else None,
        finished_at=updated_at if status.is_finished else None,
        archived_at=updated_at if is_old else None,
    )


def _with_derived(
    tasks: Sequence[Task], dependencies: Sequence[tuple[TaskId, TaskId]]
) -> list[Task]:
    """The tasks with the four columns that follow from the graph."""
    by_id = {task.id: task for task in tasks}
    waits = Counter(task_id for task_id, other in dependencies if not by_id[other].is_finished)
    subtasks = Counter(task.parent_id for task in tasks if task.parent_id and not task.is_finished)
    open_ids = {task.id for task in tasks if not task.is_finished}
    freed = unlocks(open_ids, _live_needs(by_id, dependencies), set(open_ids))  # pyright: ignore[reportArgumentType]
    return [
        replace(
            task,
            open_dependencies=waits[task.id] + (waits[task.parent_id] if task.parent_id else 0),
            open_subtasks=subtasks[task.id],
            unlock_depth=freed[task.id].depth if task.id in freed else 0,
            unlock_count=freed[task.id].count if task.id in freed else 0,
        )
        for task in tasks
    ]


def _live_needs(
    by_id: dict[TaskId, Task], dependencies: Sequence[tuple[TaskId, TaskId]]
) -> list[Need]:
    """What still waits: the finish of a finished task is left out, as EdgeRepository does."""
    needs = needs_of_tasks(task_id for task_id, task in by_id.items() if not task.is_finished)
    for task_id, other in dependencies:
        needs += needs_of_dependency(task_id, other)
    for task in by_id.values():
        if task.parent_id:
            gates, finishes = needs_of_parent(task.id, task.parent_id)
            needs.append(gates)
            if not by_id[task.parent_id].is_finished:
                needs.append(finishes)
    return needs
