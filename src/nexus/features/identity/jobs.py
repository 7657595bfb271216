"""What identity does on a schedule: sessions that ended long ago are forgotten."""

from datetime import timedelta

from nexus.features.identity.wiring import session_lookup
from nexus.platform.clock import now
from nexus.platform.jobs.declaring import Run, job, until_fewer
from nexus.platform.last_use import LastUse

KEPT = timedelta(days=30)
AT_A_TIME = 500


@job("identity.forget_sessions", schedule="23 * * * *")
async def forget_sessions(run: Run) -> None:
    """Forget sessions that ended more than 30 days ago."""

    async def some() -> int:
        async with run.database.system() as tx:
            return await session_lookup(tx, LastUse()).forget_ended(now() - KEPT, AT_A_TIME)

    await until_fewer(AT_A_TIME, some)


JOBS = [forget_sessions]
