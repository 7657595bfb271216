"""What tasks do on a schedule: series go on, and what is adrift is mended."""

from nexus.features.tasks.wiring import liveness_service, recurrence_service
from nexus.platform.actor import WorkspaceId
from nexus.platform.clock import now
from nexus.platform.database import Database
from nexus.platform.errors import AppError
from nexus.platform.jobs.declaring import Run, job
from nexus.platform.logging import logger

log = logger(__name__)

AT_A_TIME = 200


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


@job("tasks.repair_liveness", schedule="17 * * * *")
async def repair_liveness(run: Run) -> None:
    """Let go what nobody holds any more, and count anew what was counted wrongly."""
    await repair_all(run.database)


async def repair_all(database: Database) -> int:
    """The same of all workspaces; how many tasks were mended."""
    mended = 0
    last: WorkspaceId | None = None
    while True:
        async with database.system_reading() as tx:
            some = await liveness_service(tx).list_workspaces(last, AT_A_TIME)
        for workspace_id in some:
            mended += await repair_workspace(database, workspace_id)
        if len(some) < AT_A_TIME:
            return mended
        last = some[-1]


async def repair_workspace(database: Database, workspace_id: WorkspaceId) -> int:
    """The same of one workspace, which is only written to where something is wrong."""
    async with database.reading(workspace_id) as tx:
        if not await liveness_service(tx).has_repairs():
            return 0
    async with database.transaction(workspace_id) as tx:
        return sum((await liveness_service(tx).repair(workspace_id)).values())


JOBS = [go_on, repair_liveness]
