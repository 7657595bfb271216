"""Scripts run on the bare drivers: what the same SQL costs without Nexus and SQLAlchemy."""

import sqlite3
from dataclasses import replace
from typing import Any, Protocol

import asyncpg
from sqlalchemy import text

from bench.scripts import CannotReplay, Fresh, Script, Step
from nexus.platform.database import Database

Rows = list[tuple[Any, ...]]
_POOL = 10  # as the product's own setting
_CACHED_STATEMENTS = 512
_PRAGMAS = ("busy_timeout", "foreign_keys", "synchronous", "cache_size", "mmap_size", "temp_store")


class Driver(Protocol):
    async def run(self, script: Script, *, trying: bool = False) -> list[Rows]:
        """The rows of each statement. What it writes is committed, unless this is a try.

        A try ends where the script would need the task number, which it does not know.
        """
        ...

    async def close(self) -> None: ...


async def open_driver(database: Database) -> Driver:
    if database.url.is_sqlite:
        return await SqliteDriver.open(database)
    return await PostgresDriver.open(database)


async def with_number(script: Script, driver: Driver) -> Script:
    """The script with the place where one of its statements returns the task number it takes."""
    if script.next_number is None:
        return script
    for place, rows in enumerate(await driver.run(script, trying=True)):
        if len(rows) == 1 and script.next_number in rows[0]:
            return replace(script, number_from=(place, rows[0].index(script.next_number)))
    raise CannotReplay("No statement of the script returns the number of the new task.")


class SqliteDriver:
    """One connection that reads and one that writes, in line in the event loop."""

    def __init__(self, reader: sqlite3.Connection, writer: sqlite3.Connection) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, database: Database) -> "SqliteDriver":
        """Connections set up as the product's own."""
        settings = ["PRAGMA journal_mode=WAL"]
        async with database.system_reading() as tx:
            for name in _PRAGMAS:
                value: Any = (await tx.execute(text(f"PRAGMA {name}"))).scalar()
                settings.append(f"PRAGMA {name}={value}")
        reader, writer = (
            sqlite3.connect(
                database.url.file, isolation_level=None, cached_statements=_CACHED_STATEMENTS
            )
            for _ in range(2)
        )
        for setting in settings:
            reader.execute(setting)
            writer.execute(setting)
        reader.execute("PRAGMA query_only=ON")
        return cls(reader, writer)

    async def run(self, script: Script, *, trying: bool = False) -> list[Rows]:
        fresh = Fresh(script.ids)
        results: list[Rows] = []
        try:
            for step in script.steps:
                if trying and fresh.lacks_number_for(step):
                    break
                results.append(self._step(step, fresh))
                fresh.learn_number(script, results)
            if self._writer.in_transaction and not trying:
                self._writer.execute("COMMIT")
        finally:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        return results

    def _step(self, step: Step, fresh: Fresh) -> Rows:
        if not step.in_transaction:
            return self._reader.execute(step.sql, step.rows[0]).fetchall()
        if not self._writer.in_transaction:
            self._writer.execute("BEGIN IMMEDIATE")
        rows = step.filled(fresh)
        if step.many:
            return self._writer.executemany(step.sql, rows).fetchall()
        return self._writer.execute(step.sql, rows[0]).fetchall()

    async def close(self) -> None:
        self._reader.close()
        self._writer.close()


class PostgresDriver:
    """A pool of asyncpg, which prepares each statement once per connection."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, database: Database) -> "PostgresDriver":
        dsn = database.url.asynchronous.set(drivername="postgresql")
        pool = await asyncpg.create_pool(  # pyright: ignore[reportUnknownMemberType]
            dsn.render_as_string(hide_password=False),
            min_size=_POOL,
            max_size=_POOL,
            reset=_no_reset,  # a read is one round trip, as the product's
            statement_cache_size=_CACHED_STATEMENTS,
            max_cached_statement_lifetime=0,
            max_cacheable_statement_size=0,
            **database.url.connect_args,
        )
        return cls(pool)

    async def run(self, script: Script, *, trying: bool = False) -> list[Rows]:
        fresh = Fresh(script.ids)
        results: list[Rows] = []
        async with self._pool.acquire() as connection:
            transaction = None
            try:
                for step in script.steps:
                    if trying and fresh.lacks_number_for(step):
                        break
                    if step.in_transaction and transaction is None:
                        transaction = connection.transaction()
                        await transaction.start()
                    results.append(await _step(connection, step, fresh))
                    fresh.learn_number(script, results)
            except BaseException:
                trying = True
                raise
            finally:
                if transaction:
                    await (transaction.rollback() if trying else transaction.commit())
        return results

    async def close(self) -> None:
        await self._pool.close()


async def _step(connection: Any, step: Step, fresh: Fresh) -> Rows:
    rows = step.filled(fresh)
    if step.many:
        await connection.executemany(step.sql, rows)
        return []
    return [tuple(record) for record in await connection.fetch(step.sql, *rows[0])]


async def _no_reset(_connection: Any) -> None:
    return
