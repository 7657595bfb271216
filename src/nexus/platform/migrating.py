"""Bringing a database up to date. Servers do not import this: Alembic takes 15 MB."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event, text

from nexus.platform.database_url import DatabaseUrl
from nexus.platform.jobs.store import migrate_jobs
from nexus.platform.schema import MIGRATIONS


def migrate(url: DatabaseUrl, revision: str = "head") -> None:
    """Bring the schema to a revision, forwards or back; in one transaction where it can be."""
    with migrating_connection(url) as connection:
        config = alembic_config(connection)
        head = ScriptDirectory.from_config(config).get_current_head()
        is_forwards = revision in {"head", head}
        if is_forwards:
            command.upgrade(config, revision)
        else:
            command.downgrade(config, revision)
    if is_forwards:
        migrate_jobs(url)


def alembic_config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


@contextmanager
def migrating_connection(url: DatabaseUrl) -> Generator[Connection]:
    """A synchronous connection in a transaction that may change tables: all of it or nothing.

    On PostgreSQL one migrates at a time.
    """
    engine = create_engine(url.synchronous)
    if url.is_sqlite:
        url.file.parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _sqlite_for_migrations)
        event.listen(engine, "begin", _begin)
    try:
        with engine.connect() as connection:
            if not url.is_sqlite:
                connection.execute(text("SELECT pg_advisory_lock(7258)"))  # until it closes
                connection.commit()
            with connection.begin():
                yield connection
                if url.is_sqlite and connection.execute(text("PRAGMA foreign_key_check")).first():
                    raise RuntimeError("The migration left references that lead nowhere.")
    finally:
        engine.dispose()


def _sqlite_for_migrations(connection: Any, _: object) -> None:
    connection.isolation_level = None  # else the driver commits before it changes a table
    connection.execute("PRAGMA busy_timeout=30000")
    connection.execute("PRAGMA journal_mode=WAL")
    # Batch mode rebuilds tables: with foreign keys on, that would delete their children.
    connection.execute("PRAGMA foreign_keys=OFF")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
