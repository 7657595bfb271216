"""The jobs of a workspace over HTTP."""

from typing import Annotated, Any

from litestar import Controller, Request, Response, delete, get, post
from litestar.di import Provide
from litestar.params import PathParameter, QueryParameter

from nexus.features.jobs.dto import JobDetailOut, JobOut, JobPage
from nexus.features.jobs.service import JobService
from nexus.features.jobs.wiring import job_service
from nexus.platform.actor import Actor
from nexus.platform.http.answers import CursorParameter, Limit, paged
from nexus.platform.http.guards import may
from nexus.platform.jobs.store import JobState

JobPath = Annotated[
    str, PathParameter(max_length=200, description="The job's id, as the list shows it.")
]


class JobController(Controller):
    path = "/jobs"
    tags = ["Jobs"]
    dependencies = {"jobs": Provide(job_service, sync_to_thread=False)}

    @get(
        guards=[may("jobs:read")],
        operation_id="listJobs",
        summary="List the workspace's jobs, newest first",
    )
    async def list_jobs(
        self,
        request: Request[Any, Any, Any],
        jobs: JobService,
        actor: Actor,
        states: Annotated[
            list[JobState] | None,
            QueryParameter(
                name="state", required=False, max_items=6, description="Any of these states."
            ),
        ] = None,
        name: Annotated[
            str | None,
            QueryParameter(required=False, max_length=100, description="As imports.carry_out."),
        ] = None,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[JobPage]:
        page = await jobs.list_jobs(states or (), name, cursor, limit, by=actor)
        items = [JobOut.of(job) for job in page.items]
        return paged(request, JobPage(items=items, next_cursor=page.next_cursor))

    @get(
        "/{job:str}",
        guards=[may("jobs:read")],
        operation_id="getJob",
        summary="Get a job and its steps",
    )
    async def get_job(self, job: JobPath, jobs: JobService, actor: Actor) -> JobDetailOut:
        return JobDetailOut.of(*await jobs.get(job, by=actor))

    @post(
        "/{job:str}/attempts",
        guards=[may("jobs:write")],
        operation_id="retryJob",
        summary="Run a job again that failed or was cancelled",
    )
    async def retry(self, job: JobPath, jobs: JobService, actor: Actor) -> JobOut:
        return JobOut.of(await jobs.retry(job, by=actor))

    @delete(
        "/{job:str}",
        guards=[may("jobs:write")],
        operation_id="cancelJob",
        summary="Stop a job at its next step",
    )
    async def cancel(self, job: JobPath, jobs: JobService, actor: Actor) -> None:
        await jobs.cancel(job, by=actor)
