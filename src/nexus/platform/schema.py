"""The schema's version, and refusing a database that does not fit this program."""

from functools import cache
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from nexus.platform.database import Database

MIGRATIONS = Path(__file__).parents[1] / "migrations"

NO_TABLES = "the database has no tables yet: run 'nexus migrate'"

PROGRAM_GENERATION = 1
"""Rises when a schema change stops older programs from running; a migration names the oldest."""


async def schema_problem(database: Database) -> str | None:
    """What is wrong with the schema, in a sentence with the remedy; None if it fits."""
    known = revisions()
    try:
        async with database.system_reading() as tx:
            found = await tx.execute(text("SELECT version_num FROM alembic_version"))
            current: str | None = found.scalar()
            oldest = await tx.execute(text("SELECT min_program FROM schema_requirements"))
            needed = oldest.scalar()
    except DatabaseError:
        return NO_TABLES
    if current == known[-1]:
        return None
    if current in known:
        return "the database is older than this program: run 'nexus migrate'"
    if needed is not None and needed <= PROGRAM_GENERATION:
        return None
    return "the database is newer than this program: install the version that migrated it"


@cache
def revisions() -> tuple[str, ...]:
    """All revisions, the newest last: the digits that the files of migrations begin with."""
    names = sorted(path.name for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    return tuple("".join(name.split("_")[:4]) for name in names)
