"""What tests stand on: both databases, migrated once per process, the application and its cast."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import hypothesis
import psycopg
import pytest
from sqlalchemy import event

from nexus.entrypoints.http import Nexus
from nexus.platform.database import Database
from nexus.platform.database_url import understand_url
from nexus.platform.jobs.store import JobStore
from nexus.platform.logging import configure
from nexus.platform.migrating import migrate
from nexus.platform.settings import HttpSettings, Settings
from tests.cast import Cast, Person, enter
from tools.postgres import URL, PostgresUnavailable, provide_server

DATABASES = ["sqlite", "postgresql"]
_SERVER = pytest.StashKey[ExitStack]()
_MISSING = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Find or start PostgreSQL once, for all worker processes."""
    configure("error", "json")
    _keep_bytecode(config)
    # A submission must not fail by luck; developers' runs look for new examples every time.
    hypothesis.settings.register_profile("ci", derandomize=True, database=None)
    if os.environ.get("CI") == "true":
        hypothesis.settings.load_profile("ci")
    if hasattr(config, "workerinput") or URL in os.environ:
        return
    stack = ExitStack()
    try:
        server = stack.enter_context(provide_server())
    except PostgresUnavailable as error:
        config.stash[_MISSING] = str(error)
        return
    config.stash[_SERVER] = stack
    os.environ[URL] = server.url
    os.environ["NEXUS_TEST_POSTGRES_SOURCE_USED"] = server.source


def _keep_bytecode(config: pytest.Config) -> None:
    """Or every process compiles all that it imports, where it is not kept beside the sources."""
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None) and config.cache:
        os.environ["PYTHONPYCACHEPREFIX"] = str(config.cache.mkdir("bytecode"))


def pytest_unconfigure(config: pytest.Config) -> None:
    if stack := config.stash.get(_SERVER, None):
        stack.close()


def pytest_report_header() -> str:
    return f"PostgreSQL: {os.environ.get('NEXUS_TEST_POSTGRES_SOURCE_USED') or os.environ.get(URL)}"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if missing := config.stash.get(_MISSING, None):
        terminalreporter.write_line(f"NOT RUN: all tests on PostgreSQL. {missing}", red=True)


def _process() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


@contextmanager
def a_postgres_database(name: str) -> Iterator[str]:
    """The URL of an empty database on the test server, dropped afterwards."""
    if URL not in os.environ:
        if os.environ.get("CI") == "true":
            pytest.fail("No PostgreSQL, and CI=true: see the summary.")
        pytest.skip("No PostgreSQL: see the summary.")
    server = os.environ[URL]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")  # pyright: ignore[reportArgumentType]
        connection.execute(f"CREATE DATABASE {name}")  # pyright: ignore[reportArgumentType]
    yield server.rpartition("/")[0] + f"/{name}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="session", params=DATABASES)
def database_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A migrated database of this process, on each kind."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("database") / "nexus.db"
        url = f"sqlite:///{path}"
        migrate(understand_url(url))
        yield url
    else:
        with a_postgres_database(f"nexus_{_process()}") as url:
            migrate(understand_url(url))
            yield url


@pytest.fixture(scope="session")
async def database(database_url: str) -> AsyncIterator[Database]:
    url = understand_url(database_url)
    database = Database(url, jobs=JobStore(url))
    yield database
    await database.close()


@pytest.fixture(scope="session")
def settings() -> Settings:
    return Settings(http=HttpSettings(requests_per_minute=1_000_000))


@pytest.fixture(scope="session")
def app(database: Database, settings: Settings) -> Nexus:
    return Nexus(database, settings)


@pytest.fixture
async def cast(database: Database, app: Nexus) -> Cast:
    return await enter(database, app)


@pytest.fixture
def ada(cast: Cast) -> Person:
    return cast.ada


@pytest.fixture
def grace(cast: Cast) -> Person:
    return cast.grace


@pytest.fixture
def vic(cast: Cast) -> Person:
    return cast.vic


@pytest.fixture
def bob(cast: Cast) -> Person:
    return cast.bob


class Statements:
    """Counts the statements that reach a database, BEGIN and COMMIT left out."""

    def __init__(self, database: Database) -> None:
        self._engines = [engine.sync_engine for engine in database.engines]
        self.seen: list[str] = []

    @contextmanager
    def counted(self) -> Iterator["Statements"]:
        self.seen = []
        for engine in self._engines:
            event.listen(engine, "before_cursor_execute", self._see)
        try:
            yield self
        finally:
            for engine in self._engines:
                event.remove(engine, "before_cursor_execute", self._see)

    def __len__(self) -> int:
        return len(self.seen)

    def _see(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            self.seen.append(statement)


@pytest.fixture
def statements(database: Database) -> Statements:
    return Statements(database)


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).parents[1]
