"""What becomes of leases that ran out while nobody asked for work."""

from nexus.features.tasks.holding import AT_ONCE
from nexus.features.tasks.wiring import hold_service
from nexus.platform.database import Database
from nexus.platform.jobs.declaring import Run, job, until_fewer


@job("runs.expire_leases", schedule="* * * * *")
async def expire_leases(run: Run) -> None:
    """End the leases that ran out, so that their tasks can be taken again."""
    await expire_all(run.database)


async def expire_all(database: Database) -> int:
    """The same of all workspaces; how many there were."""
    expired = 0
    async with database.system_reading() as tx:
        workspaces = await hold_service(tx).list_workspaces_with_due()
    for workspace_id in workspaces:

        async def some(workspace_id: object = workspace_id) -> int:
            nonlocal expired
            async with database.transaction(workspace_id) as tx:  # pyright: ignore[reportArgumentType]
                count = await hold_service(tx).expire_due()
            expired += count
            return count

        await until_fewer(AT_ONCE, some)
    return expired


JOBS = [expire_leases]
