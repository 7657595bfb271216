"""Looking after the jobs of a workspace."""

from collections.abc import Sequence
from dataclasses import replace

from nexus.features.jobs.errors import JobNotFound, JobNotOver
from nexus.features.jobs.events import JobCancelled, JobRetried
from nexus.platform.actor import Actor
from nexus.platform.database import job_prefix
from nexus.platform.events import EventLog
from nexus.platform.jobs.store import JobSeen, JobState, JobStore, StepSeen
from nexus.platform.paging import Page, page_of, read_cursor

_RETRIED = {JobState.FAILED, JobState.CANCELLED}
_ENDED = {JobState.DONE, *_RETRIED}


class JobService:
    """A job's id is known here without the workspace that the engine's ids begin with."""

    def __init__(self, store: JobStore, events: EventLog) -> None:
        self._store = store
        self._events = events

    async def list_jobs(
        self,
        states: Sequence[JobState],
        name: str | None,
        cursor: str | None,
        limit: int,
        *,
        by: Actor,
    ) -> Page[JobSeen]:
        """The newest first. A page begins after so many jobs: one that came meanwhile moves it."""
        skipped = read_cursor("jobs", cursor, tuple[int])[0] if cursor else 0
        found = await self._store.list_jobs(
            prefix=job_prefix(by.workspace_id),
            states=states,
            name=name,
            limit=limit + 1,
            offset=skipped,
        )
        jobs = [_own(one, by) for one in found]
        return page_of(jobs, limit, "jobs", lambda _: (skipped + limit,))

    async def get(self, job_id: str, *, by: Actor) -> tuple[JobSeen, Sequence[StepSeen]]:
        found = await self._store.find(job_prefix(by.workspace_id) + job_id)
        if found is None:
            raise JobNotFound(id=job_id)
        return _own(found[0], by), found[1]

    async def retry(self, job_id: str, *, by: Actor) -> JobSeen:
        """Run a job again that failed or was cancelled, behind the steps that were done."""
        job, _ = await self.get(job_id, by=by)
        if job.state not in _RETRIED:
            raise JobNotOver(state=job.state.value)

        await self._store.retry(job_prefix(by.workspace_id) + job_id)
        self._events.record(JobRetried(job_id=job_id, job=job.name), by=by)
        return (await self.get(job_id, by=by))[0]

    async def cancel(self, job_id: str, *, by: Actor) -> None:
        """Stop a job at its next step. To cancel one that has ended changes nothing."""
        job, _ = await self.get(job_id, by=by)
        if job.state in _ENDED:
            return

        await self._store.cancel(job_prefix(by.workspace_id) + job_id)
        self._events.record(JobCancelled(job_id=job_id, job=job.name), by=by)


def _own(job: JobSeen, by: Actor) -> JobSeen:
    return replace(job, id=job.id.removeprefix(job_prefix(by.workspace_id)))
