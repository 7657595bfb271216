"""Databases to archive from and to restore into, and the operator's commands in this process."""

import json
import os
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2 as httpx
import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy import func, select
from typer.testing import CliRunner

from nexus.entrypoints import archives
from nexus.entrypoints.cli import app
from nexus.entrypoints.http import Nexus
from nexus.features.keys.wiring import key_service
from nexus.platform.columns import Base
from nexus.platform.database import Database
from nexus.platform.database_url import understand_url
from nexus.platform.jobs.store import JobStore
from nexus.platform.migrating import migrate
from nexus.platform.settings import HttpSettings, Settings
from tests.cast import Person
from tests.conftest import a_postgres_database
from tools.postgres import URL

Line = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Done:
    code: int
    out: str
    err: str


def nexus(*arguments: object, **environment: str) -> Done:
    """A command, run in this process: to start one takes longer than what it does."""
    given = [str(one) for one in arguments]
    result = CliRunner().invoke(app, given, env=environment, prog_name="nexus")
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(code=result.exit_code, out=result.stdout, err=" ".join(result.stderr.split()))


@dataclass(frozen=True, kw_only=True)
class Places:
    """Makes empty databases with all tables: copies of one of each kind that was migrated."""

    folder: Path
    name: str
    stack: ExitStack
    made: list[str] = field(default_factory=list[str])

    def new(self, kind: str) -> str:
        """The URL of an empty database."""
        if kind == "sqlite":
            shutil.copyfile(self._sqlite_template(), file := self.folder / f"{len(self.made)}.db")
            self.made.append(str(file))
            return f"sqlite:///{file}"
        template = self._postgres_template()
        return self.stack.enter_context(self._copy_of(template))

    def nothing(self) -> str:
        """The URL of a database of PostgreSQL in which there is nothing at all."""
        name = f"{self.name}_{len(self.made)}"
        self.made.append(name)
        return self.stack.enter_context(a_postgres_database(name))

    def _sqlite_template(self) -> Path:
        file = self.folder / "template.db"
        if not file.exists():
            migrate(understand_url(f"sqlite:///{file}"))
        return file

    def _postgres_template(self) -> str:
        name = f"{self.name}_template"
        if name not in self.made:
            url = self.stack.enter_context(a_postgres_database(name))
            migrate(understand_url(url))
            self.made.append(name)
        return name

    @contextmanager
    def _copy_of(self, template: str) -> Iterator[str]:
        with a_postgres_database(name := f"{self.name}_{len(self.made)}") as url:
            self.made.append(name)
            with psycopg.connect(os.environ[URL], autocommit=True) as connection:
                connection.execute(SQL("DROP DATABASE {}").format(Identifier(name)))
                copy = SQL("CREATE DATABASE {} TEMPLATE {}")
                connection.execute(copy.format(Identifier(name), Identifier(template)))
            yield url


@contextmanager
def places(folder: Path, name: str) -> Iterator[Places]:
    with ExitStack() as stack:
        yield Places(folder=folder, name=name, stack=stack)


@asynccontextmanager
async def a_side(url: str) -> AsyncIterator[tuple[Database, Nexus]]:
    """A server's application on a database."""
    understood = understand_url(url)
    database = Database(understood, jobs=JobStore(understood))
    yield database, Nexus(database, Settings(http=HttpSettings(requests_per_minute=1_000_000)))
    await database.close()


async def at_home(person: Person, database: Database, app: Nexus) -> Person:
    """The same member on another server, with a new key."""
    transport = httpx.ASGITransport(app=app)
    async with database.transaction(person.workspace_id) as tx:
        key = await key_service(tx).create("new", scopes=None, expires_at=None, by=person.actor)
    http = httpx.AsyncClient(transport=transport, base_url="http://nexus.test")
    return replace(person, key=key.text, http=http)


def archive(url: str, workspace_id: object, to: Path) -> list[Line]:
    """Write an archive; its lines."""
    done = nexus(
        "export", "--format", "archive", "--workspace", workspace_id, "--database", url, to
    )
    assert done.code == 0, done.err
    return lines_of(to)


def lines_of(file: Path) -> list[Line]:
    with archives.opened(file) as lines:
        return [json.loads(line) for line in lines]


def restore(url: str, file: Path, *flags: str) -> Done:
    return nexus("import", file, "--database", url, *flags)


def comparable(lines: Sequence[Line]) -> list[Line]:
    """What must be the same after a restore: all but the header, and webhooks, which are off."""
    found = [dict(line) for line in lines[1:]]
    for line in found:
        if line["table"] == "webhooks":
            del line["disabled_at"], line["disabled_why"]
    return found


def count_rows(url: str) -> int:
    """All rows of a database that belong to anybody."""
    with archives.connected(understand_url(url)) as connection:
        return sum(
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in Base.metadata.sorted_tables
            if table.name != "schema_requirements"
        )


def tables_in(url: str) -> set[str]:
    """The names of all tables, whosever they are."""
    if url.startswith("sqlite"):
        file = Path(url.removeprefix("sqlite:///"))
        if not file.exists():
            return set()
        with archives.connected(understand_url(url)) as connection:
            found = connection.exec_driver_sql(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
            )
            return {name for (name,) in found}
    with psycopg.connect(url) as postgres:
        rows = postgres.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {name for (name,) in rows.fetchall()}
