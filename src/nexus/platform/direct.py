"""Prepared reads, handed to the driver itself once SQLAlchemy has written them.

SQLAlchemy's own way to a driver costs three times what SQLite needs to find a row. It still
writes the statement, knows the types of what comes back, and keeps the connections.
"""

from collections.abc import Callable, Mapping, Sequence
from sqlite3 import Error as SqliteError
from typing import Any

from sqlalchemy import Dialect, Executable, IteratorResult, Result
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.ext.asyncio import AsyncConnection

from nexus.platform.sqlite import fetch_all

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
        self._is_sqlite = dialect.name == "sqlite"

    async def __call__(self, connection: AsyncConnection, given: Mapping[str, Any]) -> Result[Any]:
        """Raises DriverFailed."""
        values = self._fixed | given
        arguments = tuple(
            process(values[name]) if process else values[name] for name, process in self._order
        )
        plain = connection.sync_connection
        if plain is None:
            raise DriverFailed
        for see in plain.engine.dispatch.before_cursor_execute:
            see(plain, None, self._text, arguments, None, False)
        driver: Any = plain.connection.driver_connection
        return IteratorResult(self._columns, iter(await self._rows(driver, plain, arguments)))

    async def _rows(self, driver: Any, plain: Any, arguments: tuple[Any, ...]) -> Sequence[Any]:
        if self._is_sqlite:
            try:
                return fetch_all(driver, self._text, arguments)
            except SqliteError as error:
                raise DriverFailed from error
        asyncpg = plain.dialect.loaded_dbapi.asyncpg
        try:
            return [tuple(row) for row in await driver.fetch(self._text, *arguments)]
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise DriverFailed from error


def _compiled(statement: Any, dialect: Dialect) -> Any:
    return statement.compile(dialect=dialect)
