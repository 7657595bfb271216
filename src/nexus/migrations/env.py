"""Alembic's way in: runs migrations on the connection that `nexus migrate` hands over."""

from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection

from nexus.platform.columns import Base, Instant

FEATURES = Path(__file__).parents[1] / "features"
for tables in sorted(FEATURES.glob("*/tables.py")):
    import_module(f"nexus.features.{tables.parent.name}.tables")  # so that the metadata knows them

_NAMES = {"JSON": "Json", "BigInteger": "Serial"}
EXPRESSION_INDEXES = {"ix_tasks_ready", "ix_task_texts_words"}
connection: Connection = context.config.attributes["connection"]


def include_object(_: object, name: str | None, type_: str, *__: Any) -> bool:
    """Only our own tables (the job engine keeps its own beside them), and no index over
    expressions, which Alembic cannot compare on SQLite: tests look at those themselves."""
    if type_ == "index":
        return name not in EXPRESSION_INDEXES
    if type_ == "column":
        return name != "words"  # of task_texts, which only PostgreSQL has
    return type_ != "table" or name in Base.metadata.tables


def render_item(type_: str, item: Any, _: object) -> str | Literal[False]:
    """Write our column types by their names in platform/columns.py."""
    if type_ != "type":
        return False
    if isinstance(item, Instant):
        return "Instant()"
    if has_variants(item):
        return _NAMES.get(type(item).__name__, "ExactText")
    return False


def has_variants(item: object) -> bool:
    """Only Json, Serial and ExactText differ between the databases."""
    return bool(getattr(item, "_variant_mapping", None))


context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    include_object=include_object,
    render_item=render_item,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
