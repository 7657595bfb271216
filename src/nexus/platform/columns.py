"""The column types and table conventions that hold on both databases."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    Dialect,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine
from typing_extensions import override

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """A moment: timestamptz on PostgreSQL, integer microseconds since 1970 in UTC on SQLite.

    SQLite's text dates silently drop an offset and compare as text; integers do neither.
    """

    impl = BigInteger
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(BigInteger())

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("An Instant needs its offset from UTC.")
        return value if dialect.name == "postgresql" else (value - _EPOCH) // _MICROSECOND

    @override
    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if dialect.name == "postgresql":
            return value
        return _EPOCH + value * _MICROSECOND


ExactText = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that sorts and compares by code point on both databases: keys, ranks, cursors."""

Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

Serial = BigInteger().with_variant(Integer(), "sqlite")
"""A number that the database hands out; on SQLite it is the row's own number."""


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own declaration
        datetime: Instant(),
        dict[str, Any]: Json,
        list[Any]: Json,
        str: Text(),
        UUID: Uuid(),
    }


class TenantRow:
    """A row that belongs to a workspace; its table also declares UNIQUE (workspace_id, id)."""

    workspace_id: Mapped[UUID] = mapped_column(primary_key=False)


def within_workspace(column: str, target: str) -> ForeignKeyConstraint:
    """A reference to `target.id` that cannot leave the workspace."""
    return ForeignKeyConstraint(
        ["workspace_id", column], [f"{target}.workspace_id", f"{target}.id"]
    )
