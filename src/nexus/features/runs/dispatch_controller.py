"""Who takes what, over HTTP: claims, the next task, people's holds, limits."""

import asyncio
import time
from typing import Annotated, Any

from litestar import Controller, Request, Response, delete, get, post, put
from litestar.di import Provide
from litestar.params import QueryParameter
from litestar.status_codes import HTTP_200_OK

from nexus.features.runs.dispatching import DispatchService, Wish
from nexus.features.runs.dto import ClaimIn, ClaimOut, LimitIn, LimitOut, LimitPage, NextTaskOut
from nexus.features.runs.limiting import LimitService
from nexus.features.runs.waiting_room import Seat, WaitingRoom
from nexus.features.runs.wiring import dispatch_service, limit_service
from nexus.features.tasks.dto import TaskOut
from nexus.platform.actor import Actor, Permission
from nexus.platform.database import Transaction
from nexus.platform.errors import NotAllowed, NotAuthenticated
from nexus.platform.http.answers import StillKnown, TaskPath, versioned
from nexus.platform.http.guards import may
from nexus.platform.http.streams import client_left


class DispatchController(Controller):
    path = "/agents"
    tags = ["Agents"]
    dependencies = {"dispatch": Provide(dispatch_service, sync_to_thread=False)}

    @post(
        "/assign",
        status_code=HTTP_200_OK,
        guards=[may("tasks:claim")],
        operation_id="claimTask",
        summary="Take a task, or the next one that fits; for yourself, or for an agent",
    )
    async def claim(
        self,
        data: ClaimIn,
        request: Request[Any, Any, Any],
        dispatch: DispatchService,
        tx: Transaction,
        reading: Transaction,
        waiting_room: WaitingRoom,
        still_known: StillKnown,
        actor: Actor,
    ) -> Response[ClaimOut]:
        state: dict[str, Any] = request.scope["state"]
        wish = data.wish()
        wait = _Wait.of(state, data.wait_s)
        if data.wait_s and wait.is_first and "idempotency-key" in request.headers:
            wait.is_first = False
            await tx.open()  # a repeated request ends here, with the answer of the first one
            state["again"] = True
            return Response(ClaimOut.nothing("", ()), status_code=200)
        if data.wait_s and not wait.is_called and wish.task is None:
            waited = await _until_there_is_one(wish, request, reading, waiting_room, wait, actor)
            if waited is not None:
                return Response(waited, status_code=200)
            await _check_still_may(still_known)
        wait.is_called = False
        claim = await dispatch.claim(wish, by=actor)
        if claim:
            return Response(ClaimOut.of(claim, actor.id), status_code=200)
        if wait.left_s > 0:
            state["again"] = True  # somebody was quicker: nothing of this attempt is kept
        return Response(ClaimOut.nothing("No ready task is left that fits.", ()), status_code=200)

    @get(
        "/next",
        guards=[may("tasks:read")],
        operation_id="nextTask",
        summary="Say which task an agent would be given now, why, and why not another one",
    )
    async def next(
        self,
        dispatch: DispatchService,
        actor: Actor,
        agent: Annotated[
            str | None,
            QueryParameter(
                required=False,
                max_length=60,
                description="Its id or handle; an agent leaves it out.",
            ),
        ] = None,
        task: Annotated[
            str | None,
            QueryParameter(
                required=False,
                max_length=60,
                description="Say why it is not this one, by its key or id.",
            ),
        ] = None,
    ) -> NextTaskOut:
        return NextTaskOut.of(await dispatch.next(Wish(agent=agent), about=task, by=actor))


class HoldController(Controller):
    path = "/tasks/{task:str}/hold"
    tags = ["Tasks"]
    dependencies = {"dispatch": Provide(dispatch_service, sync_to_thread=False)}

    @put(
        status_code=HTTP_200_OK,
        guards=[may("tasks:write")],
        operation_id="holdTask",
        summary="Work on a task yourself, taking it over from an agent if need be",
    )
    async def hold(
        self, task: TaskPath, dispatch: DispatchService, actor: Actor
    ) -> Response[TaskOut]:
        held = await dispatch.hold(task, by=actor)
        return versioned(TaskOut.of(held, actor.id))

    @delete(
        status_code=HTTP_200_OK,
        guards=[may("tasks:write")],
        operation_id="unholdTask",
        summary="Let a task go that you or an agent holds, so that it can be taken again",
    )
    async def unhold(
        self, task: TaskPath, dispatch: DispatchService, actor: Actor
    ) -> Response[TaskOut]:
        freed = await dispatch.unhold(task, by=actor)
        return versioned(TaskOut.of(freed, actor.id))


class WorkLimitController(Controller):
    path = "/work-limits"
    tags = ["Agents"]
    dependencies = {"limits": Provide(limit_service, sync_to_thread=False)}

    @get(
        guards=[may("agents:read")],
        operation_id="listWorkLimits",
        summary="List how many tasks of projects and repositories agents work on at once",
    )
    async def list_limits(self, limits: LimitService) -> LimitPage:
        items = [LimitOut.of(limit) for limit in await limits.list_limits()]
        return LimitPage(items=items, next_cursor=None)

    @put(
        status_code=HTTP_200_OK,
        guards=[may("agents:write")],
        operation_id="setWorkLimit",
        summary="Limit how many tasks of a project or repository agents work on at once",
    )
    async def set_limit(self, data: LimitIn, limits: LimitService, actor: Actor) -> LimitOut:
        limit = await limits.set(
            project=data.project,
            repository_id=data.repository_id,
            most=data.max_running,
            by=actor,
        )
        return LimitOut.of(limit)


async def _check_still_may(still_known: StillKnown) -> None:
    """While somebody waited, their key may have been revoked, or their rights taken."""
    actor = await still_known()
    if actor is None:
        raise NotAuthenticated
    if not actor.may(Permission("tasks:claim")):
        raise NotAllowed(permission="tasks:claim")


class _Wait:
    """How long a request may still wait, over all its attempts, and whether it was called."""

    def __init__(self, wait_s: float) -> None:
        self.until_s = time.monotonic() + wait_s
        self.is_called = False
        self.is_first = True
        self.seat: Seat | None = None

    @classmethod
    def of(cls, state: dict[str, Any], wait_s: float) -> "_Wait":
        return state["carried"].setdefault("wait", cls(wait_s))

    @property
    def left_s(self) -> float:
        return max(0.0, self.until_s - time.monotonic())


async def _until_there_is_one(
    wish: Wish,
    request: Request[Any, Any, Any],
    reading: Transaction,
    waiting_room: WaitingRoom,
    wait: _Wait,
    actor: Actor,
) -> ClaimOut | None:
    """Wait without a connection until the agent is called: then None. Else what to answer."""
    looking = dispatch_service(reading)
    agent, found = await looking.look(wish, by=actor)
    await reading.let_go()
    seat = wait.seat = wait.seat or waiting_room.seat(agent, wish)
    if found.task is not None:
        return None
    nothing = ClaimOut.nothing(found.reason, found.passed_over)
    if wait.left_s <= 0:
        return nothing
    sitting = asyncio.create_task(waiting_room.wait(actor.workspace_id, seat, wait.left_s))
    leaving = asyncio.create_task(client_left(request.receive))
    try:
        await asyncio.wait({sitting, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        sitting.cancel()
        await asyncio.gather(sitting, leaving, return_exceptions=True)
    if leaving.done() and not leaving.cancelled():
        return ClaimOut.nothing("Nobody is there any more.", ())
    if sitting.cancelled() or not sitting.result():
        wait.until_s = min(wait.until_s, time.monotonic())
        return nothing
    wait.is_called = True
    return None
