"""A task as a row of its table, and back."""

from typing import Any

import msgspec
from sqlalchemy import Row

from nexus.features.tasks.domain import AcceptanceItem, Priority, Task, TaskStatus


def is_same(new: Any, old: Any) -> bool:
    if isinstance(new, dict):  # Python takes 1 and true for the same
        return msgspec.json.encode(new) == msgspec.json.encode(old)
    return new == old


def columns_of(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "workspace_id": task.workspace_id,
        "project_id": task.project_id,
        "project_key": task.project_key,
        "number": task.number,
        "key": task.key,
        "title": task.title,
        "description": task.description,
        "details": task.details,
        "test_strategy": task.test_strategy,
        "acceptance": [
            {"id": item.id, "text": item.text, "met_at": item.met_at, "met_by": item.met_by}
            for item in task.acceptance
        ],
        "status": task.status.value,
        "priority": task.priority.value,
        "complexity_auto": task.complexity_auto,
        "complexity_given": task.complexity_given,
        "complexity_manual": task.complexity_manual,
        "due_on": task.due_on,
        "repository_id": task.repository_id,
        "footprint": list(task.footprint),
        "learned_footprint": list(task.learned_footprint),
        "parent_id": task.parent_id,
        "custom": dict(task.custom),
        "rank": task.rank,
        "version": task.version,
        "created_by": task.created_by,
        "created_at": task.created_at,
        "updated_at": task.updated_at,
        "started_at": task.started_at,
        "finished_at": task.finished_at,
        "archived_at": task.archived_at,
        "open_dependencies": task.open_dependencies,
        "open_subtasks": task.open_subtasks,
        "unlock_depth": task.unlock_depth,
        "unlock_count": task.unlock_count,
    }


def task_of(row: Row[Any]) -> Task:
    return Task(
        id=row.id,
        workspace_id=row.workspace_id,
        project_id=row.project_id,
        project_key=row.project_key,
        number=row.number,
        title=row.title,
        description=row.description,
        details=row.details,
        test_strategy=row.test_strategy,
        acceptance=tuple(msgspec.convert(row.acceptance, list[AcceptanceItem])),
        status=TaskStatus(row.status),
        priority=Priority(row.priority),
        complexity_auto=row.complexity_auto,
        complexity_given=row.complexity_given,
        complexity_manual=row.complexity_manual,
        due_on=row.due_on,
        repository_id=row.repository_id,
        footprint=tuple(row.footprint),
        learned_footprint=tuple(row.learned_footprint),
        parent_id=row.parent_id,
        custom=row.custom,
        rank=row.rank,
        version=row.version,
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        archived_at=row.archived_at,
        open_dependencies=row.open_dependencies,
        open_subtasks=row.open_subtasks,
        unlock_depth=row.unlock_depth,
        unlock_count=row.unlock_count,
    )
