"""Runs over HTTP: what happens between a claim and its end."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.di import Provide
from litestar.params import QueryParameter
from litestar.status_codes import HTTP_200_OK

from nexus.features.runs.dto import (
    HeartbeatIn,
    HeartbeatOut,
    LineOut,
    LoggedOut,
    LogIn,
    LogPage,
    ProgressIn,
    RunOut,
    RunPage,
    UsageIn,
    UsedOut,
)
from nexus.features.runs.proof_dto import FailureIn, ReasonIn, RejectionIn, SubmissionIn
from nexus.features.runs.reviewing import ReviewService
from nexus.features.runs.service import RunService
from nexus.features.runs.wiring import review_service, run_service
from nexus.features.tasks.holds import RunFilter, RunId, RunState
from nexus.platform.actor import Actor
from nexus.platform.http.answers import CursorParameter, Limit, paged
from nexus.platform.http.guards import may


class RunController(Controller):
    path = "/runs"
    tags = ["Runs"]
    dependencies = {
        "runs": Provide(run_service, sync_to_thread=False),
        "reviews": Provide(review_service, sync_to_thread=False),
    }

    @get(guards=[may("tasks:read")], operation_id="listRuns", summary="List runs, newest first")
    async def list_runs(
        self,
        request: Request[Any, Any, Any],
        runs: RunService,
        actor: Actor,
        agent: Annotated[
            str | None,
            QueryParameter(
                required=False, max_length=60, description="Of this agent: id, handle or `me`."
            ),
        ] = None,
        task: Annotated[
            str | None,
            QueryParameter(required=False, max_length=60, description="Of this task: key or id."),
        ] = None,
        run_state: Annotated[
            list[RunState] | None,
            QueryParameter(
                name="state", required=False, max_items=9, description="Any of these states."
            ),
        ] = None,
        project: Annotated[
            list[str] | None,
            QueryParameter(required=False, max_items=50, description="Any of these, by key."),
        ] = None,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[RunPage]:
        which = RunFilter(states=tuple(run_state or ()), projects=tuple(project or ()))
        who = str(actor.id) if agent == "me" else agent
        page = await runs.list_runs(which, who, task, cursor, limit)
        items = [RunOut.of(run) for run in page.items]
        return paged(request, RunPage(items=items, next_cursor=page.next_cursor))

    @get("/{run_id:uuid}", guards=[may("tasks:read")], operation_id="getRun", summary="Get a run")
    async def get_run(self, run_id: UUID, runs: RunService) -> RunOut:
        return RunOut.of(await runs.get(RunId(run_id)))

    @post(
        "/{run_id:uuid}/heartbeats",
        status_code=HTTP_200_OK,
        guards=[may("tasks:claim")],
        operation_id="heartbeatRun",
        summary="Say that you are alive: the lease lasts anew; hear whether to stop",
    )
    async def heartbeat(
        self, run_id: UUID, data: HeartbeatIn, runs: RunService, actor: Actor
    ) -> HeartbeatOut:
        return HeartbeatOut.of(await runs.heartbeat(RunId(run_id), data.lease_s, by=actor))

    @post(
        "/{run_id:uuid}/progress",
        status_code=HTTP_200_OK,
        guards=[may("tasks:claim")],
        operation_id="progressRun",
        summary="Say how far it is, in a note and in percent",
    )
    async def progress(
        self, run_id: UUID, data: ProgressIn, runs: RunService, actor: Actor
    ) -> RunOut:
        return RunOut.of(await runs.progress(RunId(run_id), data.progress, data.note, by=actor))

    @post(
        "/{run_id:uuid}/log",
        status_code=HTTP_200_OK,
        guards=[may("tasks:claim")],
        operation_id="logRun",
        summary="Send lines of output, up to 500 at once",
    )
    async def log(self, run_id: UUID, data: LogIn, runs: RunService, actor: Actor) -> LoggedOut:
        lines = [(line.kind, line.text) for line in data.lines]
        return LoggedOut.of(await runs.log(RunId(run_id), lines, by=actor))

    @get(
        "/{run_id:uuid}/log",
        guards=[may("tasks:read")],
        operation_id="listRunLog",
        summary="Read the lines of a run",
    )
    async def list_log(
        self,
        run_id: UUID,
        runs: RunService,
        after: Annotated[
            int,
            QueryParameter(
                required=False, ge=0, le=2**31 - 1, description="Lines after this number."
            ),
        ] = 0,
        limit: Limit = 200,
    ) -> LogPage:
        lines = await runs.list_log(RunId(run_id), after, limit)
        is_full = len(lines) == limit
        return LogPage(
            items=[LineOut.of(line) for line in lines],
            next_cursor=str(lines[-1].number) if is_full else None,
        )

    @post(
        "/{run_id:uuid}/usage",
        status_code=HTTP_200_OK,
        guards=[may("tasks:claim")],
        operation_id="useRun",
        summary="Report tokens and money used since the last report",
    )
    async def use(self, run_id: UUID, data: UsageIn, runs: RunService, actor: Actor) -> UsedOut:
        run, reason = await runs.use(RunId(run_id), data.usage(), data.model, by=actor)
        return UsedOut.of(run, reason)

    @post(
        "/{run_id:uuid}/submission",
        status_code=HTTP_200_OK,
        guards=[may("tasks:claim")],
        operation_id="submitRun",
        summary="Say that the task is done, with proof of each acceptance item",
    )
    async def submit(
        self, run_id: UUID, data: SubmissionIn, reviews: ReviewService, actor: Actor
    ) -> RunOut:
        return RunOut.of(await reviews.submit(RunId(run_id), data.submission(), by=actor))

    @post(
        "/{run_id:uuid}/release",
        status_code=HTTP_200_OK,
        guards=[may("tasks:claim")],
        operation_id="releaseRun",
        summary="Give the task back, not done",
    )
    async def release(
        self, run_id: UUID, data: ReasonIn, reviews: ReviewService, actor: Actor
    ) -> RunOut:
        return RunOut.of(await reviews.release(RunId(run_id), data.reason, by=actor))

    @post(
        "/{run_id:uuid}/failure",
        status_code=HTTP_200_OK,
        guards=[may("tasks:claim")],
        operation_id="failRun",
        summary="Say that it did not work out",
    )
    async def fail(
        self, run_id: UUID, data: FailureIn, reviews: ReviewService, actor: Actor
    ) -> RunOut:
        failed = await reviews.fail(RunId(run_id), data.reason, is_final=data.is_final, by=actor)
        return RunOut.of(failed)

    @post(
        "/{run_id:uuid}/cancellation",
        status_code=HTTP_200_OK,
        guards=[may("tasks:write")],
        operation_id="cancelRun",
        summary="End somebody's run; its task can be taken again",
    )
    async def cancel(
        self, run_id: UUID, data: ReasonIn, reviews: ReviewService, actor: Actor
    ) -> RunOut:
        return RunOut.of(await reviews.cancel(RunId(run_id), data.reason, by=actor))

    @post(
        "/{run_id:uuid}/acceptance",
        status_code=HTTP_200_OK,
        guards=[may("tasks:write")],
        operation_id="acceptRun",
        summary="Accept submitted work: the task is done",
    )
    async def accept(
        self, run_id: UUID, data: ReasonIn, reviews: ReviewService, actor: Actor
    ) -> RunOut:
        return RunOut.of(await reviews.accept(RunId(run_id), data.reason, by=actor))

    @post(
        "/{run_id:uuid}/rejection",
        status_code=HTTP_200_OK,
        guards=[may("tasks:write")],
        operation_id="rejectRun",
        summary="Send submitted work back with the reason",
    )
    async def reject(
        self, run_id: UUID, data: RejectionIn, reviews: ReviewService, actor: Actor
    ) -> RunOut:
        return RunOut.of(await reviews.reject(RunId(run_id), data.reason, by=actor))
