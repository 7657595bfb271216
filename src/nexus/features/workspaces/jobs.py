"""What workspaces do on a schedule: invitations end when their time is over."""

from datetime import timedelta

from nexus.features.workspaces.wiring import invitation_service
from nexus.platform.jobs.declaring import Run, job, until_fewer

AT_A_TIME = 200


@job("workspaces.expire_invitations", schedule="*/5 * * * *")
async def expire_invitations(run: Run) -> None:
    """End the invitations whose time is over, each with an event."""

    async def some() -> int:
        async with run.database.system() as tx:
            return await invitation_service(tx, timedelta()).expire(AT_A_TIME)

    await until_fewer(AT_A_TIME, some)


JOBS = [expire_invitations]
