"""What tasks do on a schedule: series go on, what is adrift is mended, complexity is learned."""

import asyncio
from collections.abc import AsyncIterator

from nexus.features.estimates.calibrating import calibrated
from nexus.features.estimates.domain import Model
from nexus.features.estimates.wiring import estimate_service
from nexus.features.tasks.domain import TaskId
from nexus.features.tasks.reviving import wrong_unlocks
from nexus.features.tasks.wiring import (
    complexity_service,
    liveness_service,
    recurrence_service,
)
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
    async for workspace_id in _workspaces(database):
        mended += await repair_workspace(database, workspace_id)
    return mended


async def repair_workspace(database: Database, workspace_id: WorkspaceId) -> int:
    """The same of one workspace, which is only written to where something is wrong."""
    async with database.reading(workspace_id) as tx:
        if not await liveness_service(tx).has_repairs():
            return 0
    async with database.transaction(workspace_id) as tx:
        return sum((await liveness_service(tx).repair(workspace_id)).values())


@job("tasks.recount_unlocks", schedule="53 2 * * *")
async def recount_unlocks(run: Run) -> None:
    """Compare what tasks unlock with the graph, and mend what differs."""
    async for workspace_id in _workspaces(run.database):
        await recount_workspace(run.database, workspace_id)


async def recount_workspace(database: Database, workspace_id: WorkspaceId) -> int:
    """The same of one workspace; how many were wrong."""
    async with database.reading(workspace_id) as tx:
        graph = await liveness_service(tx).graph()
    wrong = list((await wrong_unlocks(graph)).items())
    mended = 0
    for start in range(0, len(wrong), AT_A_TIME):
        async with database.transaction(workspace_id) as tx:
            some = dict(wrong[start : start + AT_A_TIME])
            mended += await liveness_service(tx).repair_unlocks(workspace_id, graph, some)
    return mended


@job("tasks.score_complexity", schedule="* * * * *")
async def score_complexity(run: Run) -> None:
    """Estimate the complexity of tasks that came in without one."""
    await score_all(run.database)


async def score_all(database: Database) -> int:
    """The same of all workspaces, some tasks at a time; how many were estimated."""
    scored = 0
    while True:
        async with database.system_reading() as tx:
            some = await complexity_service(tx).list_workspaces_unscored()
        if not some:
            return scored
        for workspace_id in some:
            async with database.transaction(workspace_id) as tx:
                scored += await complexity_service(tx).score_unscored()


@job("tasks.calibrate_complexity", schedule="37 * * * *")
async def calibrate_complexity(run: Run) -> None:
    """Learn from the tasks that were finished, and estimate the open ones anew."""
    async for workspace_id in _workspaces(run.database):
        await calibrate_workspace(run.database, workspace_id)


async def calibrate_workspace(database: Database, workspace_id: WorkspaceId) -> bool:
    """The same of one workspace, if there is something to learn; whether there was.

    Whatever was cut off goes on the next time.
    """
    async with database.transaction(workspace_id) as tx:
        await complexity_service(tx).take_in()
    async with database.reading(workspace_id) as tx:
        samples = await complexity_service(tx).samples()
    model = await asyncio.to_thread(calibrated, samples, now())
    if model.calibration:
        async with database.transaction(workspace_id) as tx:
            await estimate_service(tx).learn(workspace_id, model)
    async with database.reading(workspace_id) as tx:
        estimates = estimate_service(tx)
        learned = None if await estimates.is_applied() else await estimates.model()
    if learned:
        await _apply(database, workspace_id, learned)
    return model.calibration is not None


async def _apply(database: Database, workspace_id: WorkspaceId, model: Model) -> None:
    """Estimate all open tasks by what was learned, some at a time."""
    last: TaskId | None = None
    while True:
        async with database.transaction(workspace_id) as tx:
            last = await complexity_service(tx).score_again(last)
            if last is None:
                await estimate_service(tx).applied(model)
                return


async def _workspaces(database: Database) -> AsyncIterator[WorkspaceId]:
    last: WorkspaceId | None = None
    while True:
        async with database.system_reading() as tx:
            some = await liveness_service(tx).list_workspaces(last, AT_A_TIME)
        for workspace_id in some:
            yield workspace_id
        if len(some) < AT_A_TIME:
            return
        last = some[-1]


JOBS = [go_on, repair_liveness, recount_unlocks, score_complexity, calibrate_complexity]
