"""Laws of the tables: every row of a tenant belongs to one workspace and points into it only."""

import pytest
from sqlalchemy import Table, UniqueConstraint, delete, select, update
from sqlalchemy.exc import IntegrityError

from nexus.entrypoints.http import Nexus
from nexus.platform.columns import Base
from nexus.platform.database import Database
from tests.cast import Cast
from tests.laws.world import a_world, ask_for_import, rows_of

OF_NO_WORKSPACE = {
    "idempotency_keys",
    "job_workers",
    "schema_requirements",
    "sessions",
    "user_identities",
    "users",
    "workspaces",
}
"""Tables whose rows belong to no workspace: one joins them on purpose."""


def test_every_table_is_of_a_workspace_or_listed() -> None:
    tables = set(Base.metadata.tables)

    without = {name for name, table in _tables() if "workspace_id" not in table.c}

    assert len(tables) > 20
    assert without == OF_NO_WORKSPACE


def test_every_tenants_row_says_its_workspace() -> None:
    nullable = [name for name, table in _tenants() if table.c.workspace_id.nullable]

    assert nullable == []


def test_every_reference_between_tenants_holds_the_workspace() -> None:
    tenants = {name for name, _ in _tenants()}

    wrong = [
        f"{name}.{'+'.join(constraint.column_keys)} -> {constraint.referred_table.name}"
        for name, table in _tenants()
        for constraint in table.foreign_key_constraints
        if constraint.referred_table.name in tenants
        and (
            constraint.column_keys[0] != "workspace_id"
            or [element.column.name for element in constraint.elements] != ["workspace_id", "id"]
        )
    ]

    assert wrong == []


def test_every_tenants_row_hangs_on_its_workspace() -> None:
    wrong = [
        name
        for name, table in _tenants()
        if not any("workspace_id" in one.column_keys for one in table.foreign_key_constraints)
    ]

    assert wrong == []


def test_every_id_that_is_pointed_at_is_unique_within_its_workspace() -> None:
    pointed_at = {
        constraint.referred_table
        for _, table in _tenants()
        for constraint in table.foreign_key_constraints
        if "workspace_id" in constraint.referred_table.c
    }

    wrong = [
        table.name
        for table in pointed_at
        if ["workspace_id", "id"]
        not in [
            [column.name for column in constraint.columns]
            for constraint in table.constraints
            if isinstance(constraint, UniqueConstraint)
        ]
    ]

    assert pointed_at
    assert wrong == []


def test_every_column_that_ends_in_id_is_a_reference() -> None:
    remembered = {
        "events.id",
        "events.project_id",
        "events.task_id",
        "events.assignment_id",
        "events.request_id",
        "idempotency_keys.credential_id",
        "task_sources.external_id",
        "import_records.external_id",
        "webhook_deliveries.event_id",
    }

    loose = {
        f"{name}.{column.name}"
        for name, table in _tables()
        for column in table.columns
        if column.name.endswith("_id") and not column.foreign_keys
    }

    assert loose <= remembered


async def test_no_row_can_be_made_to_point_into_another_workspace(
    database: Database, app: Nexus, cast: Cast
) -> None:
    hers = await a_world(database, app, cast.ada, "ADA")
    await a_world(database, app, cast.bob, "BOB")
    await ask_for_import(hers, "that waits still")
    await cast.bob.a_task("BOB")
    await cast.bob.a_project("NEWEST")
    await cast.ada.call("PUT", "/agents/pause", json={})
    before = await rows_of(database, cast.ada.workspace_id)
    references = [
        (table, constraint.column_keys[1], constraint.referred_table)
        for _, table in _tenants()
        for constraint in table.foreign_key_constraints
        if len(constraint.column_keys) == 2
    ]

    accepted = [
        f"{table.name}.{column}"
        for table, column, target in references
        if await _points_across(database, cast, table, column, target)
    ]

    assert len(references) > 20
    assert accepted == []
    assert await rows_of(database, cast.ada.workspace_id) == before


async def test_the_world_of_the_laws_has_a_row_in_every_table(
    database: Database, app: Nexus, cast: Cast
) -> None:
    await a_world(database, app, cast.ada, "ADA")
    await cast.ada.call("PUT", "/agents/pause", json={})

    rows = await rows_of(database, cast.ada.workspace_id)

    assert {name for name, found in rows.items() if not found} == set()


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("labels", ("name_key",)),
        ("projects", ("key",)),
        ("repositories", ("url",)),
        ("tasks", ("key",)),
        ("actors", ("handle",)),
    ],
)
async def test_what_is_unique_is_so_within_a_workspace_and_free_in_another(
    database: Database, app: Nexus, cast: Cast, name: str, columns: tuple[str, ...]
) -> None:
    await a_world(database, app, cast.ada, "ADA", size=2)
    await a_world(database, app, cast.bob, "BOB", size=2)
    table = Base.metadata.tables[name]
    async with database.system_reading() as tx:
        mine = select(table).where(table.c.workspace_id == cast.ada.workspace_id)
        first, second = (await tx.execute(mine.order_by(table.c.id).limit(2))).all()
        theirs = select(table).where(table.c.workspace_id == cast.bob.workspace_id)
        other = (await tx.execute(theirs.limit(1))).one()
    values = {column: getattr(first, column) for column in columns}

    with pytest.raises(IntegrityError):
        async with database.system() as tx:
            await tx.execute(update(table).where(table.c.id == second.id).values(values))
    async with database.system() as tx:
        moved = await tx.execute(update(table).where(table.c.id == other.id).values(values))

    assert moved.rowcount == 1


async def _points_across(
    database: Database, cast: Cast, table: Table, column: str, target: Table
) -> bool:
    """Whether a row of Ada's can be changed to point at the newest of Bob's."""
    async with database.system_reading() as tx:
        theirs = select(target.c.id).where(target.c.workspace_id == cast.bob.workspace_id)
        foreign = (await tx.execute(theirs.order_by(target.c.id.desc()).limit(1))).scalar_one()
        mine = select(table).where(table.c.workspace_id == cast.ada.workspace_id)
        row = (await tx.execute(mine.limit(1))).one()._mapping
    this = [column == row[column.key] for column in table.primary_key]
    theirs_go_first = delete(table).where(table.c.workspace_id == cast.bob.workspace_id)
    for first in (None, theirs_go_first):  # else a row of theirs may be in the way
        try:
            async with database.system() as tx:
                if first is not None:
                    await tx.execute(first)
                await tx.execute(update(table).where(*this).values({column: foreign}))
        except IntegrityError as error:
            if "foreign key" in str(error.orig).lower():
                return False
        else:
            return True
    return True


def _tables() -> list[tuple[str, Table]]:
    return sorted(Base.metadata.tables.items())


def _tenants() -> list[tuple[str, Table]]:
    return [(name, table) for name, table in _tables() if "workspace_id" in table.c]
