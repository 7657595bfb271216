"""Alembic's way in: runs migrations on the connection that `nexus migrate` hands over."""

from alembic import context
from sqlalchemy import JSON, Connection

from nexus.features.comments import tables as _comments  # noqa: F401
from nexus.features.identity import tables as _identity  # noqa: F401
from nexus.features.imports import tables as _imports  # noqa: F401
from nexus.features.keys import tables as _keys  # noqa: F401
from nexus.features.projects import tables as _projects  # noqa: F401
from nexus.features.repositories import tables as _repositories  # noqa: F401
from nexus.features.tasks import tables as _tasks  # noqa: F401
from nexus.features.workspaces import tables as _workspaces  # noqa: F401
from nexus.platform.columns import Base, Instant

connection: Connection = context.config.attributes["connection"]


def include_object(_: object, name: str | None, type_: str, *__: object) -> bool:
    """Only our own tables: the job engine keeps its tables beside them."""
    return type_ != "table" or name in Base.metadata.tables


def render_item(type_: str, item: object, _: object) -> str | bool:
    """Write our column types by their names in platform/columns.py."""
    if type_ != "type":
        return False
    if isinstance(item, Instant):
        return "Instant()"
    if has_variants(item):
        return "Json" if isinstance(item, JSON) else "ExactText"
    return False


def has_variants(item: object) -> bool:
    """Only Json and ExactText differ between the databases."""
    return bool(getattr(item, "_variant_mapping", None))


context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    include_object=include_object,
    render_item=render_item,
    render_as_batch=connection.dialect.name == "sqlite",
    transaction_per_migration=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
