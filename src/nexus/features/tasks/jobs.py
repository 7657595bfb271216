"""What tasks do on a schedule: series go on when their day has come."""

import asyncio

from nexus.features.tasks.wiring import recurrence_service
from nexus.platform.clock import now
from nexus.platform.database import DATABASE_FAILURES, Database
from nexus.platform.errors import AppError
from nexus.platform.logging import logger

log = logger(__name__)

LOOK_EVERY_S = 60


async def go_on_with_series(database: Database) -> int:
    """Make the next task of every series whose day has come; how many were due."""
    today = now().date()
    async with database.system_reading() as tx:
        due = await recurrence_service(tx).list_due(today)
    for workspace_id, task_id in due:
        try:
            async with database.transaction(workspace_id) as tx:
                await recurrence_service(tx).go_on(task_id, today)
        except AppError as why:
            log.warning("series.stuck", task_id=str(task_id), why=str(why))
    return len(due)


async def go_on_for_ever(database: Database) -> None:
    """Look once a minute; whichever process comes first makes the task."""
    while True:
        try:
            await go_on_with_series(database)
        except DATABASE_FAILURES:
            log.warning("series.database_failed", exc_info=True)
        await asyncio.sleep(LOOK_EVERY_S)
