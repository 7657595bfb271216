"""Which projects a viewer may see, as the condition that queries over project data start from.

It names two tables of the projects feature, because tasks, comments, events and search must all
honour it, and a rule that is written once cannot be forgotten in one of them.
"""

from sqlalchemy import ColumnElement, Uuid, column, or_, select, table, true
from sqlalchemy.orm import InstrumentedAttribute

from nexus.platform.database import Transaction

_projects = table(
    "projects", column("id", Uuid()), column("workspace_id", Uuid()), column("visibility")
)
_members = table(
    "project_members",
    column("workspace_id", Uuid()),
    column("project_id", Uuid()),
    column("actor_id", Uuid()),
)


def visible(
    project_id: InstrumentedAttribute[object] | ColumnElement[object], tx: Transaction
) -> ColumnElement[bool]:
    """True where the transaction's viewer may see the project, or the row has no project."""
    if tx.viewer is None:
        return true()
    joined = select(_members.c.project_id).where(
        _members.c.workspace_id == tx.workspace_id, _members.c.actor_id == tx.viewer
    )
    hidden = select(_projects.c.id).where(
        _projects.c.workspace_id == tx.workspace_id,
        _projects.c.visibility == "private",
        _projects.c.id.not_in(joined),
    )
    return or_(project_id.is_(None), project_id.not_in(hidden))
