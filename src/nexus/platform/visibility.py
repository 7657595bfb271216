"""Which projects a viewer may see, as the condition that queries over project data start from.

It names two tables of the projects feature, because tasks, comments, events and search must all
honour it, and a rule that is written once cannot be forgotten in one of them.
"""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    Uuid,
    and_,
    cast,
    column,
    func,
    null,
    or_,
    select,
    table,
    true,
)
from sqlalchemy.orm import InstrumentedAttribute

from nexus.platform.prepared import Looking

_projects = table(
    "projects",
    column("id", Uuid()),
    column("workspace_id", Uuid()),
    column("key", Text()),
    column("visibility", Text()),
    column("archived_at"),
)
_members = table(
    "project_members",
    column("workspace_id", Uuid()),
    column("project_id", Uuid()),
    column("actor_id", Uuid()),
)


def visible(
    project_id: InstrumentedAttribute[Any] | ColumnElement[Any], tx: Looking
) -> ColumnElement[bool]:
    """True where the transaction's viewer may see the project, or the row has no project."""
    if tx.viewer is None:
        return true()
    return or_(project_id.is_(None), project_id.not_in(_hidden(_projects.c.id, tx)))


def in_open_project(
    project_id: InstrumentedAttribute[Any] | ColumnElement[Any], tx: Looking
) -> ColumnElement[bool]:
    """True where the project is not archived."""
    archived = select(_projects.c.id).where(
        _projects.c.workspace_id == tx.workspace_id, _projects.c.archived_at.is_not(None)
    )
    return project_id.not_in(archived)


def visible_key(
    project_key: InstrumentedAttribute[Any] | ColumnElement[Any], tx: Looking
) -> ColumnElement[bool]:
    """As `visible`, for rows that name their project by its key."""
    if tx.viewer is None:
        return true()
    return or_(project_key.is_(None), project_key.not_in(_hidden(_projects.c.key, tx)))


def hidden_keys(tx: Looking) -> ColumnElement[Any]:
    """The keys of the projects that the viewer may not see, joined by commas; NULL for none."""
    if tx.viewer is None:
        return cast(null(), Text())
    hidden = _hidden(_projects.c.key, tx).subquery()
    return select(func.aggregate_strings(hidden.c.key, ",")).scalar_subquery()


def private_projects(tx: Looking) -> Select[Any, Any, Any]:
    """Rows `id, key, actor_id`: each private project with each of its members (NULL for none)."""
    of_project = and_(
        _members.c.workspace_id == _projects.c.workspace_id,
        _members.c.project_id == _projects.c.id,
    )
    return (
        select(_projects.c.id, _projects.c.key, _members.c.actor_id)
        .outerjoin_from(_projects, _members, of_project)
        .where(_projects.c.workspace_id == tx.workspace_id, _projects.c.visibility == "private")
    )


def _hidden(column: ColumnElement[Any], tx: Looking) -> Select[Any]:
    joined = select(_members.c.project_id).where(
        _members.c.workspace_id == tx.workspace_id, _members.c.actor_id == tx.viewer
    )
    return select(column).where(
        _projects.c.workspace_id == tx.workspace_id,
        _projects.c.visibility == "private",
        _projects.c.id.not_in(joined),
    )
