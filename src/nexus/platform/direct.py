"""Prepared reads, handed to the driver itself once SQLAlchemy has written them.

SQLAlchemy's own way to a driver costs three times what SQLite needs to find a row. It still
writes the statement, knows the types of what comes back, and keeps the connections.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Dialect, Executable, IteratorResult, Result
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

Process = Callable[[Any], Any] | None


class DriverFailed(Exception):
    """The driver refused. SQLAlchemy's own way knows what its errors mean; take that."""


class DirectRead:
    """One statement as text, with what turns Python's values into the driver's and back."""

    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        compiled = _compiled(statement, dialect)
        values: dict[str, Any] = compiled.construct_params(_check=False)
        # Lists of fixed values (status NOT IN (...)) are written out once instead of at each call.
        whole = compiled._process_parameters_for_postcompile(values)  # noqa: SLF001 - nothing public does it
        processes: Mapping[str, Process] = {**compiled._bind_processors, **whole.processors}  # noqa: SLF001
        self._text: str = whole.statement
        self._fixed = values | whole.additional_parameters
        names: Sequence[str] = whole.positiontup
        self._order = [(name, processes.get(name)) for name in names]
        columns: list[tuple[str, Any]] = [(c.keyname, c.type) for c in compiled._result_columns]  # noqa: SLF001
        self._columns = SimpleResultMetaData(
            [name for name, _ in columns],
            _processors=[type_._cached_result_processor(dialect, None) for _, type_ in columns],  # noqa: SLF001
        )

    async def over(self, connection: AsyncConnection, given: Mapping[str, Any]) -> Result[Any]:
        """Read over a pool's connection to PostgreSQL. Raises DriverFailed."""
        plain: Any = connection.sync_connection
        asyncpg = plain.dialect.loaded_dbapi.asyncpg
        try:
            return await self._fetched(plain, given)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise DriverFailed from error

    def inline(
        self, file: sqlite3.Connection, engine: Any, given: Mapping[str, Any]
    ) -> Result[Any]:
        """Read from a SQLite file, here and now. Raises DriverFailed."""
        arguments = self._arguments(given)
        self._announce(engine, arguments)
        try:
            rows = sqlite3.Cursor(file).execute(self._text, arguments).fetchall()
        except sqlite3.Error as error:
            raise DriverFailed from error
        return IteratorResult(self._columns, iter(rows))

    async def within(self, connection: AsyncConnection, given: Mapping[str, Any]) -> Result[Any]:
        """Read in a transaction. Raises DriverFailed where the transaction can go on."""
        plain: Any = connection.sync_connection
        if plain.dialect.name == "sqlite":
            return self.inline(plain.connection.driver_connection, plain.engine, given)
        adapter = plain.connection.dbapi_connection
        if adapter._transaction is None:  # noqa: SLF001 - SQLAlchemy begins with its own first statement
            raise DriverFailed
        asyncpg = plain.dialect.loaded_dbapi.asyncpg
        try:
            return await self._fetched(plain, given)
        except asyncpg.PostgresError as error:
            if plain.connection.driver_connection.is_closed():
                raise DriverFailed from error  # SQLAlchemy's own way lets go of the connection
            raise _as_sqlalchemy_says(error, self._text, adapter, plain.dialect) from error
        except (asyncpg.InterfaceError, OSError) as error:
            raise DriverFailed from error

    async def _fetched(self, plain: Any, given: Mapping[str, Any]) -> Result[Any]:
        arguments = self._arguments(given)
        self._announce(plain.engine, arguments)
        rows = await plain.connection.driver_connection.fetch(self._text, *arguments)
        return IteratorResult(self._columns, iter([tuple(row) for row in rows]))

    def _arguments(self, given: Mapping[str, Any]) -> tuple[Any, ...]:
        values = self._fixed | given
        return tuple([process(values[n]) if process else values[n] for n, process in self._order])

    def _announce(self, engine: Any, arguments: tuple[Any, ...]) -> None:
        """Tell those who listen to the engine's statements (tests, traces, bench) of this one."""
        for see in engine.dispatch.before_cursor_execute:
            see(None, None, self._text, arguments, None, False)


def _as_sqlalchemy_says(error: Exception, text: str, adapter: Any, dialect: Dialect) -> Exception:
    """The error that the same statement would raise by SQLAlchemy's own way."""
    base: Any = dialect.loaded_dbapi.Error
    try:
        adapter._handle_exception(error)  # noqa: SLF001 - always raises
    except base as translated:
        wrap: Any = DBAPIError.instance
        return wrap(text, None, translated, base, True, dialect=dialect)
    return error


def _compiled(statement: Any, dialect: Dialect) -> Any:
    return statement.compile(dialect=dialect)
