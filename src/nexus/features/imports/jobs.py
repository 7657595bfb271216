"""Carrying imports out behind the request that asked for them.

The table is the queue: what a killed server left waiting is found again at its next start.
"""

import asyncio

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from nexus.features.imports.domain import Import
from nexus.features.imports.wiring import import_service
from nexus.platform.database import Database, is_retryable
from nexus.platform.errors import AppError
from nexus.platform.logging import logger

log = logger(__name__)

POLL_S = 0.5
BROKEN = "A fault of the server; its log says more under 'import.broken'. Nothing was written."


async def run_waiting(database: Database) -> int:
    """Carry out all imports that wait; how many there were."""
    async with database.system_reading() as tx:
        waiting = await import_service(tx).list_waiting()
    for one in waiting:
        await _run(database, one)
    return len(waiting)


async def run_forever(database: Database) -> None:
    """Run what waits, whoever took it in; an indexed look of one statement when nothing does."""
    while True:
        try:
            await run_waiting(database)
        except (SQLAlchemyError, OSError):
            log.warning("imports.database_failed", exc_info=True)
        await asyncio.sleep(POLL_S)


async def _run(database: Database, one: Import) -> None:
    """Carry one out as whoever asked for it: they see and reach what they do themselves."""
    try:
        async with database.reading(one.workspace_id) as tx:
            parsed = await import_service(tx).parse(one.id)  # before any lock is taken
        async with database.transaction(one.workspace_id, viewer=one.actor_id) as tx:
            await import_service(tx).run(one.id, parsed)
    except AppError as why:
        log.info("import.failed", import_id=str(one.id), why=str(why))
        await _fail(database, one, str(why))
    except Exception as error:
        if _may_pass(error):
            raise
        log.exception("import.broken", import_id=str(one.id))
        await _fail(database, one, BROKEN)


def _may_pass(error: Exception) -> bool:
    """Whether the database is away or was busy: the import still waits, and is tried again."""
    is_away = isinstance(error, DBAPIError) and error.connection_invalidated
    return is_away or isinstance(error, OSError) or is_retryable(error)


async def _fail(database: Database, one: Import, why: str) -> None:
    async with database.transaction(one.workspace_id) as tx:
        await import_service(tx).fail(one.id, why)
