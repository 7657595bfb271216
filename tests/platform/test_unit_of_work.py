"""A request is one transaction: what was answered is committed, and what failed never was."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import text

from nexus.entrypoints.http import Nexus
from nexus.platform.database import Database
from nexus.platform.database_url import understand_url
from nexus.platform.migrating import migrate
from nexus.platform.settings import Settings
from tests.cast import Person, enter
from tests.conftest import DATABASES, a_postgres_database

# The databases themselves refuse: at the commit where a title says so, and as a busy server would.
_DEFERRED = """
CREATE TABLE unlucky (id INTEGER PRIMARY KEY,
    other INTEGER REFERENCES unlucky (id) DEFERRABLE INITIALLY DEFERRED)
"""
_SQLITE = """
CREATE TRIGGER fails_at_commit AFTER INSERT ON tasks WHEN NEW.title = 'fails at commit'
BEGIN INSERT INTO unlucky (id, other) VALUES (NEW.number, -1); END
"""
_POSTGRESQL = [
    "CREATE SEQUENCE attempts",
    """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.title = 'fails at commit' THEN
            INSERT INTO unlucky (id, other) VALUES (NEW.number, -1);
        ELSIF NEW.title = 'fails twice' AND nextval('attempts') <= 2
           OR NEW.title = 'fails always' THEN
            RAISE EXCEPTION 'competing changes' USING ERRCODE = '40001';
        END IF;
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER refuses AFTER INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION refuse()",
]


@pytest.fixture(scope="module", params=DATABASES)
def unlucky_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A database of these tests alone, in which some titles bring bad luck."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('unlucky') / 'nexus.db'}"
        migrate(understand_url(url))
        yield url
    else:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        with a_postgres_database(f"nexus_unlucky_{worker}") as url:
            migrate(understand_url(url))
            yield url


@pytest.fixture(scope="module")
async def unlucky(unlucky_url: str) -> AsyncIterator[Database]:
    database = Database(understand_url(unlucky_url))
    own = _POSTGRESQL if database.dialect == "postgresql" else [_SQLITE]
    async with database.system() as tx:
        for statement in (_DEFERRED, *own):
            await tx.execute(text(statement))
    yield database
    await database.close()


@pytest.fixture
async def ada(unlucky: Database, settings: Settings) -> Person:
    """Ada on the unlucky database, with a project."""
    ada = (await enter(unlucky, Nexus(unlucky, settings))).ada
    await ada.a_project()
    return ada


async def test_a_commit_that_fails_is_an_error_and_leaves_nothing(ada: Person) -> None:
    before = await ada.last_event()
    body = {"project": "API", "title": "fails at commit"}
    headers = {"Idempotency-Key": "unlucky"}

    failed = await ada.call("POST", "/tasks", json=body, headers=headers)

    assert failed.status_code == 500
    problem = failed.json()
    assert (problem["code"], problem["details"]) == ("internal", {})
    assert "unlucky" not in failed.text.lower().replace(problem["request_id"], "")
    assert (await ada.get("/tasks"))["items"] == []
    assert await ada.last_event() == before


async def test_after_a_failed_commit_the_next_one_goes_on_where_the_last_good_one_ended(
    ada: Person,
) -> None:
    body = {"project": "API", "title": "fails at commit"}
    headers = {"Idempotency-Key": "unlucky"}
    before = (await ada.last_event())["seq"]
    await ada.call("POST", "/tasks", json=body, headers=headers)

    task = await ada.post("/tasks", body | {"title": "Fine"}, **{"Idempotency-Key": "unlucky"})

    assert task["key"] == "API-1"
    assert (await ada.last_event())["seq"] == before + 1


async def test_a_request_that_met_competing_changes_is_run_again_and_happens_once(
    ada: Person, unlucky: Database
) -> None:
    if unlucky.dialect == "sqlite":
        title = "Fine at once"  # one writer at a time: nothing competes
    else:
        title = "fails twice"
        async with unlucky.system() as tx:
            await tx.execute(text("ALTER SEQUENCE attempts RESTART"))

    task = await ada.a_task(title=title, labels=["new"])

    assert (task["key"], task["labels"]) == ("API-1", ["new"])
    assert [one["key"] for one in (await ada.get("/tasks"))["items"]] == ["API-1"]
    assert len(await ada.events(name="task.created")) == 1


async def test_a_database_that_stays_busy_is_said_so_and_nothing_happened(
    ada: Person, unlucky: Database
) -> None:
    before = await ada.last_event()
    title = "fails always" if unlucky.dialect == "postgresql" else "fails at commit"

    busy = await ada.call("POST", "/tasks", json={"project": "API", "title": title})

    if unlucky.dialect == "postgresql":
        assert (busy.status_code, busy.json()["code"]) == (503, "database.busy")
        assert int(busy.headers["Retry-After"]) >= 1
    else:
        assert busy.status_code == 500
    assert (await ada.get("/tasks"))["items"] == []
    assert await ada.last_event() == before
