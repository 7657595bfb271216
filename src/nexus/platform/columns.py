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
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.sql.functions import FunctionElement
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


class database_clock(FunctionElement[datetime]):  # noqa: N801 - a function of SQL
    """What time the database says it is, at this very statement.

    Leases go by it alone. Processes may differ, and PostgreSQL's now() stands still in a
    transaction. SQLite's clock knows milliseconds.
    """

    type = Instant()
    inherit_cache = True


@compiles(database_clock, "postgresql")
def _clock_on_postgresql(_element: Any, _compiler: Any, **_: Any) -> str:
    return "clock_timestamp()"


@compiles(database_clock, "sqlite")
def _clock_on_sqlite(_element: Any, _compiler: Any, **_: Any) -> str:
    return f"({_SQLITE_CLOCK})"


class seconds_from_now(FunctionElement[datetime]):  # noqa: N801 - a function of SQL
    """The database's clock, so many seconds later; NULL for NULL seconds."""

    type = Instant()
    inherit_cache = True


@compiles(seconds_from_now, "postgresql")
def _later_on_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"(clock_timestamp() + make_interval(secs => CAST({seconds} AS double precision)))"


@compiles(seconds_from_now, "sqlite")
def _later_on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"({_SQLITE_CLOCK} + {compiler.process(element.clauses, **options)} * 1000000)"


class moment_text(FunctionElement[str]):  # noqa: N801 - a function of SQL
    """A moment as text, where rows of many shapes are read at once; see `read_moment`."""

    type = Text()
    inherit_cache = True


@compiles(moment_text, "postgresql")
def _moment_on_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    moment = compiler.process(element.clauses, **options)
    return f"CAST(CAST(EXTRACT(epoch FROM {moment}) * 1000000 AS BIGINT) AS TEXT)"


@compiles(moment_text, "sqlite")
def _moment_on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS TEXT)"


@compiles(database_clock)
@compiles(seconds_from_now)
@compiles(moment_text)
def _in_words(element: Any, compiler: Any, **options: Any) -> str:
    """For traces and messages, which know of no database."""
    return f"{type(element).__name__}({compiler.process(element.clauses, **options)})"


def read_moment(text: str) -> datetime:
    return _EPOCH + int(text) * _MICROSECOND


_SQLITE_CLOCK = "CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000"


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
