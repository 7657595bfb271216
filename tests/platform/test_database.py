"""Database URLs are understood in every form, and transactions keep what they promise."""

import asyncio
import traceback
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Integer, delete, func, insert, literal, select, text, update
from sqlalchemy.exc import DBAPIError, StatementError

from nexus.features.tasks.events import LabelRemoved
from nexus.platform.database import Database, Transaction
from nexus.platform.database_url import DatabaseUrlNotUnderstood, understand_url
from nexus.platform.migrating import migrate
from nexus.platform.prepared import Prepared
from nexus.platform.rows import EventRow, IdempotencyKeyRow, WorkspaceRow
from tests.cast import Cast, Person

SECRET = "Tr0ub4dor"


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg"]
)
def test_every_scheme_of_postgresql_becomes_what_each_driver_takes(scheme: str) -> None:
    url = understand_url(f"{scheme}://ada:{SECRET}@db.example:5433/nexus")

    assert url.asynchronous.drivername == "postgresql+asyncpg"
    assert url.synchronous.drivername == "postgresql+psycopg"
    for one in (url.asynchronous, url.synchronous):
        assert (one.username, one.password, one.host, one.port, one.database) == (
            "ada",
            SECRET,
            "db.example",
            5433,
            "nexus",
        )
    assert (url.is_sqlite, url.is_pooler) == (False, False)


def test_what_only_libpq_takes_is_kept_from_asyncpg_and_given_to_psycopg() -> None:
    query = (
        "sslmode=require&channel_binding=require&connect_timeout=10&gssencmode=disable"
        "&target_session_attrs=read-write&application_name=board"
    )

    url = understand_url(f"postgres://ada:{SECRET}@db.example/nexus?{query}")

    assert url.asynchronous.query == {}
    assert url.connect_args["ssl"] == "require"
    assert url.connect_args["server_settings"]["application_name"] == "board"
    assert url.synchronous.query["sslmode"] == "require"
    assert url.synchronous.query["channel_binding"] == "require"


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("-c%20search_path%3Dnexus", {"search_path": "nexus"}),
        ("-csearch_path=nexus", {"search_path": "nexus"}),
        ("--search_path=nexus", {"search_path": "nexus"}),
        (
            "-c%20search_path=a,b%20-c%20statement_timeout=5000",
            {"search_path": "a,b", "statement_timeout": "5000"},
        ),
    ],
)
def test_options_become_settings_of_the_connection(options: str, found: dict[str, str]) -> None:
    url = understand_url(f"postgresql://ada@db.example/nexus?options={options}")

    assert url.connect_args["server_settings"].items() >= found.items()


@pytest.mark.parametrize("is_marked", [True, False])
def test_behind_a_pooler_nothing_is_prepared(is_marked: bool) -> None:
    query = "?pgbouncer=true" if is_marked else ""

    url = understand_url(f"postgres://ada@db.example:6543/nexus{query}", is_pooler=not is_marked)

    assert url.is_pooler
    assert url.connect_args["statement_cache_size"] == 0
    assert url.connect_args["prepared_statement_cache_size"] == 0
    assert url.connect_args["server_settings"] == {"application_name": "nexus"}
    assert "pgbouncer" not in url.synchronous.query


def test_escapes_in_user_and_password_are_undone() -> None:
    url = understand_url("postgresql://a%40b:p%40s%2Fs%3Aw%25rd@db.example/nexus")

    assert (url.asynchronous.username, url.asynchronous.password) == ("a@b", "p@s/s:w%rd")
    assert url.synchronous.password == "p@s/s:w%rd"


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("sqlite:///var/nexus.db", "var/nexus.db"),
        ("sqlite:////var/lib/nexus.db", "/var/lib/nexus.db"),
        ("sqlite+aiosqlite:///nexus.db", "nexus.db"),
    ],
)
def test_a_sqlite_url_is_a_file(given: str, path: str) -> None:
    url = understand_url(given)

    assert (url.is_sqlite, url.file) == (True, Path(path))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("", "cannot be read"),
        ("nexus.db", "cannot be read"),
        (f"ada:{SECRET}@db.example/nexus", "cannot be read"),
        (f"postgresql://ada:{SECRET}@db.example:port/nexus", "cannot be read"),
        (f"mysql://ada:{SECRET}@db.example/nexus", "SQLite and PostgreSQL, not on 'mysql'"),
        (f"mssql+pyodbc://ada:{SECRET}@db.example/nexus", "not on 'mssql'"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        (f"postgres://ada:{SECRET}@db.example/nexus?schema=public", "schema"),
        (f"postgres://ada:{SECRET}@db.example/nexus?password={SECRET}&user=ada", "password, user"),
    ],
)
def test_what_is_no_database_is_refused_without_showing_the_password(given: str, says: str) -> None:
    with pytest.raises(DatabaseUrlNotUnderstood) as refused:
        understand_url(given)

    assert says in str(refused.value)
    assert SECRET not in str(refused.value)
    assert SECRET not in "".join(traceback.format_exception_only(refused.value))


@pytest.mark.parametrize("query", ["sslmode=disable", "pgbouncer=true", "options=-c%20jit%3Doff"])
async def test_a_decorated_url_really_connects(database: Database, query: str) -> None:
    given = database.url.asynchronous.render_as_string(hide_password=False)
    is_sqlite = database.url.is_sqlite
    url = understand_url(given.replace("+inline", "") if is_sqlite else f"{given}?{query}")

    decorated = Database(url)
    async with decorated.transaction(None) as tx:
        written = (await tx.execute(select(func.count()).select_from(WorkspaceRow))).scalar_one()
    async with decorated.reading(None) as tx:
        read = (await tx.execute(select(func.count()).select_from(WorkspaceRow))).scalar_one()
    migrate(url)
    await decorated.close()

    assert read >= written >= 0


async def test_a_transaction_commits_on_leaving_and_rolls_back_on_an_error(
    database: Database,
) -> None:
    kept, dropped = uuid4(), uuid4()

    async def write_and_fail() -> None:
        async with database.transaction(None) as tx:
            await tx.execute(_new_row(str(dropped)))
            raise LookupError

    async with database.transaction(None) as tx:
        await tx.execute(_new_row(str(kept)))
    with pytest.raises(LookupError):
        await write_and_fail()

    assert await _count(database, str(kept)) == 1
    assert await _count(database, str(dropped)) == 0


async def test_a_transaction_without_a_statement_has_taken_no_lock(database: Database) -> None:
    key = str(uuid4())

    async with (
        asyncio.timeout(20),
        database.transaction(None),
        database.transaction(None) as inner,
    ):
        await inner.execute(_new_row(key))

    assert await _count(database, key) == 1


async def test_reads_and_malformed_writes_do_not_wait_for_a_writer(
    database: Database, ada: Person
) -> None:
    await ada.a_project()

    async with asyncio.timeout(20), database.transaction(ada.workspace_id) as writer:
        await writer.execute(
            update(WorkspaceRow)
            .where(WorkspaceRow.id == ada.workspace_id)
            .values(name="Not committed yet")
        )
        seen = await ada.get(f"/workspaces/{ada.workspace_id}")
        refused = await ada.call("POST", "/tasks", content=b"{", headers=_JSON)
        unknown = await ada.call("POST", "/tasks", json={"project": "API"})

    assert seen["name"] != "Not committed yet"
    assert (refused.status_code, unknown.status_code) == (400, 400)


async def test_a_refusal_stays_on_record_though_its_transaction_rolls_back(
    database: Database, ada: Person
) -> None:
    before = (await ada.last_event())["seq"]
    refused, never = (
        LabelRemoved(label_id=uuid4(), title="r"),
        LabelRemoved(label_id=uuid4(), title="n"),
    )

    async def refuse() -> None:
        async with database.transaction(ada.workspace_id, request_id="a-request") as tx:
            await tx.execute(_new_row(str(never.label_id)))
            tx.events.record(never, by=ada.actor)
            tx.events.record_refusal(refused, workspace_id=ada.workspace_id, actor_id=ada.actor.id)
            raise LookupError

    with pytest.raises(LookupError):
        await refuse()

    [event] = await ada.events(after=before)
    assert (event["seq"], event["payload"]["title"]) == (before + 1, "r")
    assert (event["request_id"], event["actor"]["id"]) == ("a-request", ada.id)
    assert await _count(database, str(never.label_id)) == 0


async def test_an_error_of_a_prepared_read_in_a_transaction_is_what_it_is_elsewhere(
    database: Database, ada: Person
) -> None:
    """Past SQLAlchemy, or by its own way: retries go by what it says."""
    divided = Prepared(lambda of, _: select((literal(8) % of.given("by", Integer())).label("n")))
    workspace_id = ada.actor.workspace_id

    async with database.transaction(workspace_id) as tx:
        await tx.execute(text("SELECT 1"))
        found = [(await divided(tx, by=by)).one().n for by in (3, 5)]
    errors: list[Any] = []
    for is_direct in (True, False) if database.dialect == "postgresql" else ():
        async with database.transaction(workspace_id) as tx:
            await tx.execute(text("SELECT 1"))
            with pytest.raises(DBAPIError) as raised:
                await (divided(tx, by=0) if is_direct else tx.execute(text("SELECT 8 % 0")))
        errors.append(raised.value)

    assert found == [2, 3]
    assert {(type(one), one.orig.sqlstate, type(one.orig)) for one in errors} in (
        set(),
        {(type(one), "22012", type(one.orig)) for one in errors[:1]},
    )


async def test_a_prepared_read_sees_what_its_transaction_has_written(
    database: Database, ada: Person
) -> None:
    named = Prepared(
        lambda of, _: select(WorkspaceRow.name).where(WorkspaceRow.id == of.workspace_id)
    )
    workspace_id = ada.actor.workspace_id

    async with database.transaction(workspace_id) as tx:
        await tx.execute(
            update(WorkspaceRow).where(WorkspaceRow.id == workspace_id).values(name="Other")
        )
        within = (await named(tx)).scalar_one()
        async with database.reading(workspace_id) as reading:
            outside = (await named(reading)).scalar_one()

    assert (within, outside == "Other") == ("Other", False)


async def test_the_system_has_no_workspace_to_work_in(database: Database) -> None:
    async with database.system() as tx:
        with pytest.raises(RuntimeError):
            tx.workspace_id  # noqa: B018 - asking is the test


async def test_a_reader_on_sqlite_cannot_write(tmp_path_factory: pytest.TempPathFactory) -> None:
    url = understand_url(f"sqlite:///{tmp_path_factory.mktemp('reader') / 'nexus.db'}")
    migrate(url)
    database = Database(url)

    for statement in (_new_row("x"), delete(IdempotencyKeyRow), text("CREATE TABLE x (id INT)")):
        with pytest.raises(DBAPIError, match="readonly"):
            async with database.reading(None) as tx:
                await tx.execute(statement)

    assert await _count(database, "x") == 0
    await database.close()


offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1900, 1, 2), datetime(9000, 1, 1), timezones=offsets)  # noqa: DTZ001


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(moment=moments, later=st.timedeltas(timedelta(microseconds=1), timedelta(days=400)))
async def test_a_moment_is_the_same_moment_after_the_database_whatever_its_offset(
    database: Database, moment: datetime, later: timedelta
) -> None:
    key = str(uuid4())

    async with database.transaction(None) as tx:
        await tx.execute(_new_row(key, expires_at=moment))
    async with database.reading(None) as tx:
        column = IdempotencyKeyRow.expires_at
        mine = select(column).where(IdempotencyKeyRow.key == key)
        found = (await tx.execute(mine)).scalar_one()
        before = await tx.execute(mine.where(column < (moment + later).astimezone(UTC)))
        after = await tx.execute(mine.where(column > moment - later))
        same = await tx.execute(mine.where(column == moment.astimezone(UTC)))

    assert found == moment
    assert found.utcoffset() == timedelta(0)
    assert [len(rows.all()) for rows in (before, after, same)] == [1, 1, 1]


async def test_a_moment_without_an_offset_is_refused(database: Database) -> None:
    naive = datetime(2026, 1, 31, 12)  # noqa: DTZ001 - that is the test

    with pytest.raises((StatementError, TypeError)):
        async with database.transaction(None) as tx:
            await tx.execute(_new_row(str(uuid4()), expires_at=naive))


async def test_writers_in_two_workspaces_do_not_hold_each_other_up(
    database: Database, cast: Cast
) -> None:
    both = [cast.ada, cast.bob]
    before = [(await person.last_event())["seq"] for person in both]

    async def write(order: list[Person]) -> None:
        async with database.system() as tx:
            for person in order:
                tx.events.record(LabelRemoved(label_id=uuid4(), title="x"), by=person.actor)
            await tx.execute(_new_row(str(uuid4())))

    async with asyncio.timeout(60):
        await asyncio.gather(*(write(both if i % 2 else both[::-1]) for i in range(30)))

    for person, last in zip(both, before, strict=True):
        events = await person.events(after=last)
        assert [event["seq"] for event in events] == list(range(last + 1, last + 31))


async def test_events_are_numbered_in_the_order_in_which_they_were_recorded(
    database: Database, ada: Person
) -> None:
    titles = [f"label {i}" for i in range(20)]

    async with database.transaction(ada.workspace_id) as tx:
        for title in titles:
            tx.events.record(LabelRemoved(label_id=uuid4(), title=title), by=ada.actor)
        assert await _seen(tx, ada) == 0

    events = await ada.events(name="label.removed")
    assert [event["payload"]["title"] for event in events] == titles


_JSON = {"Content-Type": "application/json"}


def _new_row(key: str, expires_at: datetime | None = None) -> Any:
    return insert(IdempotencyKeyRow).values(
        credential_id=uuid4(),
        key=key,
        fingerprint="",
        expires_at=expires_at or datetime(2000, 1, 1, tzinfo=UTC),
    )


async def _count(database: Database, key: str) -> int:
    async with database.reading(None) as tx:
        query = select(func.count()).where(IdempotencyKeyRow.key == key)
        return (await tx.execute(query)).scalar_one()


async def _seen(tx: Transaction, person: Person) -> int:
    query = select(func.count()).where(
        EventRow.workspace_id == person.workspace_id, EventRow.name == "label.removed"
    )
    return (await tx.execute(query)).scalar_one()
