"""Looking for what wants somebody, every few minutes, in all workspaces."""

from collections import defaultdict

from nexus.features.alerts.domain import (
    FAILED_WITHIN,
    FAILING_FOR,
    WAITING_FOR,
    AlertRule,
    Cause,
)
from nexus.features.alerts.wiring import alert_service
from nexus.features.webhooks.wiring import webhook_service
from nexus.platform.actor import WorkspaceId
from nexus.platform.clock import now
from nexus.platform.database import Database, workspace_of_job
from nexus.platform.jobs.declaring import Run, job
from nexus.platform.jobs.store import JobState, JobStore

AT_A_TIME = 200
MOST_JOBS = 2000

Found = defaultdict[WorkspaceId, dict[Cause, str]]


@job("alerts.check_causes", schedule="*/5 * * * *")
async def check_causes(run: Run) -> None:
    """Raise alerts for what has gone wrong, and clear those that are over."""
    await check_all(run.database, run.store)


async def check_all(database: Database, store: JobStore) -> None:
    found: Found = defaultdict(dict)
    await _add_webhooks(database, found)
    await _add_jobs(store, found)
    last: WorkspaceId | None = None
    while True:
        async with database.system_reading() as tx:
            some = await alert_service(tx).list_workspaces(last, AT_A_TIME)
        for workspace_id in some:
            async with database.transaction(workspace_id) as tx:
                alerts = alert_service(tx)
                await alerts.settle(found[workspace_id] | await alerts.refusals())
        if len(some) < AT_A_TIME:
            return
        last = some[-1]


async def _add_webhooks(database: Database, found: Found) -> None:
    async with database.system_reading() as tx:
        failing = await webhook_service(tx).list_failing(now() - FAILING_FOR)
    for one in failing:
        since = one.failing_since.isoformat(timespec="minutes") if one.failing_since else "a while"
        found[one.workspace_id][AlertRule.WEBHOOK_FAILING, f"webhook:{one.id}"] = (
            f"The webhook {one.name} takes nothing since {since}."
        )


async def _add_jobs(store: JobStore, found: Found) -> None:
    at = now()
    failed = await store.list_jobs(states=[JobState.FAILED], limit=MOST_JOBS)
    waiting = await store.list_jobs(
        states=[JobState.WAITING], limit=MOST_JOBS, is_oldest_first=True
    )
    for one in failed:
        workspace_id = workspace_of_job(one.id)
        if workspace_id and at - (one.ended_at or one.created_at) < FAILED_WITHIN:
            own_id = one.id.removeprefix(f"ws/{workspace_id}/")
            found[workspace_id][AlertRule.JOB_FAILED, f"job:{own_id}"] = (
                f"The job {one.name} has failed: 'nexus job get {own_id}' says why."
            )
    late: defaultdict[WorkspaceId, int] = defaultdict(int)
    for one in waiting:
        workspace_id = workspace_of_job(one.id)
        if workspace_id and at - one.changed_at > WAITING_FOR:
            late[workspace_id] += 1
    for workspace_id, count in late.items():
        minutes = int(WAITING_FOR.total_seconds() // 60)
        found[workspace_id][AlertRule.JOB_WAITING, "jobs:waiting"] = (
            f"{count} jobs wait for more than {minutes} minutes: is a worker running?"
        )


JOBS = [check_causes]
