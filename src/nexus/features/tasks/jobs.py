"""What tasks do on a schedule: series go on when their day has come."""

from nexus.features.tasks.wiring import recurrence_service
from nexus.platform.clock import now
from nexus.platform.database import Database
from nexus.platform.errors import AppError
from nexus.platform.jobs.declaring import Run, job
from nexus.platform.logging import logger

log = logger(__name__)


@job("tasks.go_on_with_series", schedule="* * * * *")
async def go_on(run: Run) -> None:
    """Make the next task of every series whose day has come."""
    await go_on_with_series(run.database)


async def go_on_with_series(database: Database) -> int:
    """Make the next task of every series whose day has come; how many were due.

    Whoever comes first makes it, if several do this at once.
    """
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


JOBS = [go_on]
