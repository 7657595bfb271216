"""Mending what is safe to mend, every few minutes, in all workspaces."""

from nexus.features.tasks.wiring import liveness_service
from nexus.platform.actor import WorkspaceId
from nexus.platform.database import Database
from nexus.platform.jobs.declaring import Run, job

AT_A_TIME = 200


@job("liveness.repair_tasks", schedule="*/5 * * * *")
async def repair_tasks(run: Run) -> None:
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
            mended += await _repair(database, workspace_id)
        if len(some) < AT_A_TIME:
            return mended
        last = some[-1]


async def _repair(database: Database, workspace_id: WorkspaceId) -> int:
    async with database.reading(workspace_id) as tx:
        if not await liveness_service(tx).has_repairs():
            return 0
    async with database.transaction(workspace_id) as tx:
        return sum((await liveness_service(tx).repair(workspace_id)).values())


JOBS = [repair_tasks]
