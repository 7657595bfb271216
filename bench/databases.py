"""Fresh databases to measure on: a file in a temporary folder, and one on the test server."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from nexus.platform.database_url import understand_url
from nexus.platform.migrating import migrate
from tools.postgres import URL

KINDS = ("sqlite", "postgresql")


@dataclass(frozen=True, kw_only=True)
class Fresh:
    """A migrated, empty database."""

    kind: str
    url: str


@contextmanager
def fresh_database(kind: str, name: str) -> Generator[Fresh]:
    """Made for the block and thrown away after it."""
    with _sqlite() if kind == "sqlite" else _postgresql(f"bench_{os.getpid()}_{name}") as url:
        migrate(understand_url(url))
        yield Fresh(kind=kind, url=url)


def settle(database: Fresh) -> None:
    """What PostgreSQL does by itself within minutes of such an import. SQLite does nothing."""
    if database.kind == "postgresql":
        _on_server(database.url, "VACUUM ANALYZE")


def describe_server() -> str:
    """The version of PostgreSQL, and what it does at a commit."""
    with psycopg.connect(os.environ[URL], autocommit=True) as connection:
        version, *settings = (
            _single(connection, f"SHOW {name}")
            for name in ("server_version", "fsync", "synchronous_commit", "shared_buffers")
        )
    named = zip(("fsync", "synchronous_commit", "shared_buffers"), settings, strict=True)
    return f"{version} ({', '.join(f'{name}={value}' for name, value in named)})"


@contextmanager
def _sqlite() -> Generator[str]:
    with TemporaryDirectory(prefix="nexus-bench-") as folder:
        yield f"sqlite:///{Path(folder) / 'nexus.db'}"


@contextmanager
def _postgresql(name: str) -> Generator[str]:
    server = os.environ[URL]
    _on_server(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    _on_server(server, f"CREATE DATABASE {name}")
    try:
        yield server.rpartition("/")[0] + f"/{name}"
    finally:
        _on_server(server, f"DROP DATABASE {name} WITH (FORCE)")


def _on_server(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def _single(connection: psycopg.Connection[Any], statement: str) -> str:
    row = connection.execute(statement.encode()).fetchone()
    return str(row[0]) if row else "unknown"
