"""The query parameters that say which tasks: the same for every list of them."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from litestar.params import QueryParameter

from nexus.features.tasks.domain import TaskRef, TaskStatus
from nexus.features.tasks.dto import PriorityWord, priority_of
from nexus.features.tasks.selection import CustomCondition, TaskFilter
from nexus.platform.actor import Actor, ActorId
from nexus.platform.errors import Invalid
from nexus.platform.http.answers import moment_given
from nexus.platform.tokens import tokenise


def _many(description: str) -> Any:
    return QueryParameter(required=False, description=description, max_items=50)


def task_filter(
    actor: Actor,
    status: Annotated[list[TaskStatus] | None, _many("Any of these statuses.")] = None,
    priority: Annotated[list[PriorityWord] | None, _many("Any of these priorities.")] = None,
    project: Annotated[list[str] | None, _many("Any of these projects, by key.")] = None,
    label: Annotated[list[str] | None, _many("All of these labels.")] = None,
    repository: Annotated[
        UUID | None, QueryParameter(required=False, description="About this repository, by id.")
    ] = None,
    assignee: Annotated[
        str | None,
        QueryParameter(
            required=False, max_length=40, description="A member's or agent's id, `me` or `none`."
        ),
    ] = None,
    parent: Annotated[
        str | None,
        QueryParameter(
            required=False,
            max_length=60,
            description="Subtasks of this task; `none` for tasks that are no subtasks.",
        ),
    ] = None,
    ready: Annotated[
        bool, QueryParameter(description="Only what you could begin now.", required=False)
    ] = False,
    q: Annotated[
        str | None,
        QueryParameter(
            required=False,
            max_length=200,
            description="Words, or their beginnings, that all stand in the task.",
        ),
    ] = None,
    waiting: Annotated[
        bool | None,
        QueryParameter(
            required=False, description="Only what an open dependency or subtask holds up, or not."
        ),
    ] = None,
    due_from: Annotated[
        date | None, QueryParameter(required=False, description="Due on this day or later.")
    ] = None,
    due_until: Annotated[
        date | None, QueryParameter(required=False, description="Due on this day or earlier.")
    ] = None,
    updated_since: Annotated[
        datetime | None, QueryParameter(required=False, description="Changed at or after this.")
    ] = None,
    created_by: Annotated[
        UUID | None, QueryParameter(required=False, description="Created by this actor, by id.")
    ] = None,
    field: Annotated[
        list[str] | None,
        _many(
            "A condition on `custom`, such as `severity=high`, `points>=3` or `sprint`; "
            "all must hold."
        ),
    ] = None,
    archived: Annotated[
        bool, QueryParameter(description="The archived ones instead.", required=False)
    ] = False,
) -> TaskFilter:
    return TaskFilter(
        statuses=tuple(status or ()),
        priorities=tuple(priority_of(word) for word in priority or ()),
        projects=tuple(project or ()),
        labels=tuple(label or ()),
        repository_id=repository,
        assignee=_assignee(assignee, actor),
        is_unassigned=assignee == "none",
        parent=TaskRef.of(parent) if parent and parent != "none" else None,
        is_top_level=parent == "none",
        ready_for=actor.id if ready else None,
        is_waiting=waiting,
        due_from=due_from,
        due_until=due_until,
        updated_since=moment_given(updated_since, "updated_since"),
        created_by=ActorId(created_by) if created_by else None,
        custom=tuple(CustomCondition.of(text) for text in field or ()),
        words=tuple(tokenise(q or "")),
        is_archived=archived,
    )


def _assignee(text: str | None, actor: Actor) -> ActorId | None:
    match text:
        case None | "none":
            return None
        case "me":
            return actor.id
        case _:
            try:
                return ActorId(UUID(text))
            except ValueError:
                raise Invalid(
                    reason="'assignee' takes an id, 'me' or 'none'.", field="assignee"
                ) from None
