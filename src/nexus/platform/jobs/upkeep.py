"""The platform's own jobs: what is kept for a while is let go of."""

import asyncio
from datetime import timedelta

from nexus.platform.backups import BackupPlan
from nexus.platform.clock import now
from nexus.platform.http.idempotency import forget_expired
from nexus.platform.jobs.declaring import Run, job
from nexus.platform.logging import logger

log = logger(__name__)

JOBS_KEPT = timedelta(days=7)


@job("platform.forget_answers", schedule="*/10 * * * *")
async def forget_answers(run: Run) -> None:
    """Forget answers kept for repeated requests, when their day is over."""
    async with run.database.system() as tx:
        await forget_expired(tx)


@job("platform.forget_jobs", schedule="41 * * * *")
async def forget_jobs(run: Run) -> None:
    """Forget jobs that ended more than a week ago."""
    await run.store.prune(JOBS_KEPT)


@job("platform.back_up", schedule="*/15 * * * *")
async def back_up(run: Run) -> None:
    """Back the whole database up once a day, if the settings name an hour."""
    plan = run.of(BackupPlan)
    if await asyncio.to_thread(plan.is_due, now()):
        await run.step("write", _carry_out, plan)


async def _carry_out(plan: BackupPlan) -> None:
    if backup := await asyncio.to_thread(plan.carry_out_if_due):
        log.info("backup.taken", path=str(backup.path), size=backup.size)


JOBS = [forget_answers, forget_jobs, back_up]
