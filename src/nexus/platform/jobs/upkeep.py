"""The platform's own jobs: what is kept for a while is let go of."""

from datetime import timedelta

from nexus.platform.http.idempotency import forget_expired
from nexus.platform.jobs.declaring import Run, job

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


JOBS = [forget_answers, forget_jobs]
