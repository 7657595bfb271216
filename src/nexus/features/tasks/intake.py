"""Planning the arrival of many tasks: pure. Who is numbered how, and which edges fit."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from nexus.features.projects.domain import Project
from nexus.features.tasks.domain import AcceptanceItem, ImportedTask, Task, TaskId, TaskStatus
from nexus.features.tasks.graph import (
    Need,
    acyclic,
    needs_of_dependency,
    needs_of_parent,
    needs_of_tasks,
)
from nexus.features.tasks.ranks import rank_of_number
from nexus.platform.actor import Actor
from nexus.platform.ids import new_id


@dataclass(frozen=True, kw_only=True)
class Intake:
    """What an arrival comes to. Counts are per project key."""

    imported: Sequence[ImportedTask]
    present: Mapping[TaskId, Task]
    dependencies: Sequence[tuple[TaskId, TaskId]]
    refused: list[tuple[TaskId, TaskId]]

    @property
    def counts(self) -> Counter[str]:
        return Counter(task.project for task in self.imported)

    @property
    def dependency_counts(self) -> Counter[str]:
        projects = {task.id: task.project for task in self.imported}
        return Counter(projects[task_id] for task_id, _ in self.dependencies)

    @property
    def more_open_subtasks(self) -> Counter[TaskId]:
        """How many open subtasks the tasks get that are here already."""
        return Counter(
            task.parent_id
            for task in self.imported
            if task.parent_id in self.present and not task.status.is_finished
        )  # pyright: ignore[reportReturnType]

    def born(self, numbered: Mapping[str, Project], *, by: Actor, at: datetime) -> list[Task]:
        """The new tasks, parents before their subtasks, numbered up to each `last_number`."""
        numbers = {key: project.last_number - self.counts[key] for key, project in numbered.items()}
        waits = self._open_dependencies()
        open_subtasks = Counter(
            task.parent_id for task in self.imported if not task.status.is_finished
        )
        tasks: list[Task] = []
        for one in self.imported:
            numbers[one.project] += 1
            number = numbers[one.project]
            changed_at = one.updated_at or one.created_at or at
            tasks.append(
                Task(
                    **one.fields,
                    id=one.id,
                    workspace_id=by.workspace_id,
                    project_id=numbered[one.project].id,
                    project_key=one.project,
                    number=number,
                    acceptance=tuple(AcceptanceItem(id=new_id(), text=t) for t in one.acceptance),
                    status=one.status,
                    complexity_auto=one.complexity_auto,
                    parent_id=one.parent_id,
                    rank=rank_of_number(number),
                    created_by=by.id,
                    created_at=one.created_at or at,
                    updated_at=changed_at,
                    started_at=changed_at if one.status is TaskStatus.IN_PROGRESS else None,
                    finished_at=changed_at if one.status.is_finished else None,
                    open_dependencies=waits[one.id],
                    open_subtasks=open_subtasks[one.id],
                )
            )
        parents = {task.id: task.parent_id for task in tasks}

        def depth(task_id: TaskId | None) -> int:
            return 1 + depth(parents[task_id]) if task_id and task_id in parents else 0

        return sorted(tasks, key=lambda task: depth(task.id))

    def _open_dependencies(self) -> dict[TaskId, int]:
        """What each new task waits for: its own open dependencies and those of its ancestors."""
        finished = {task.id: task.status.is_finished for task in self.imported}
        finished |= {task_id: task.is_finished for task_id, task in self.present.items()}
        own = Counter(task_id for task_id, on in self.dependencies if not finished[on])
        parents = {task.id: task.parent_id for task in self.imported}
        waits: dict[TaskId, int] = {}
        for task_id, parent_id in parents.items():
            count, above = own[task_id], parent_id
            while above and above in parents:
                count += own[above]
                above = parents[above]
            count += self.present[above].open_dependencies if above else 0
            waits[task_id] = count
        return waits


def plan_intake(
    imported: Sequence[ImportedTask], present: Mapping[TaskId, Task], needs: Sequence[Need]
) -> Intake:
    """Decide which dependencies fit. `needs` holds what leads on from the tasks here already."""
    known = [*needs, *needs_of_tasks(task.id for task in imported)]
    for task in imported:
        if task.parent_id:
            known += needs_of_parent(task.id, task.parent_id)
    wanted = [(task.id, on) for task in imported for on in dict.fromkeys(task.depends_on)]
    fits = acyclic(known, [needs_of_dependency(task_id, on) for task_id, on in wanted])
    return Intake(
        imported=imported,
        present=present,
        dependencies=[pair for pair, is_fit in zip(wanted, fits, strict=True) if is_fit],
        refused=[pair for pair, is_fit in zip(wanted, fits, strict=True) if not is_fit],
    )
