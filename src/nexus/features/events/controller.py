"""The audit log and the activity of tasks over HTTP."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, get
from litestar.di import Provide
from litestar.params import HeaderParameter, QueryParameter

from nexus.features.events.domain import EventFilter
from nexus.features.events.dto import EventOut, EventPage
from nexus.features.events.service import EventService
from nexus.features.events.sse import COME_BACK, as_text, place_of
from nexus.features.events.streaming import EventStreams, StillThere
from nexus.features.events.wiring import event_service
from nexus.platform.actor import Actor, ActorId
from nexus.platform.http.answers import (
    CursorParameter,
    Limit,
    TaskPath,
    moment_given,
    paged,
)
from nexus.platform.http.guards import may
from nexus.platform.http.streams import EventStream

Names = Annotated[
    list[str] | None,
    QueryParameter(
        required=False,
        max_items=50,
        description="Any of these names; `task.*` stands for all that begin so.",
    ),
]
Subject = Annotated[
    str | None, QueryParameter(required=False, max_length=100, description="As `<noun>:<id>`.")
]
About = Annotated[
    str | None, QueryParameter(required=False, max_length=60, description="A task's key or id.")
]
OfRun = Annotated[
    UUID | None, QueryParameter(required=False, description="What belongs to this run, by id.")
]


class EventOrder(StrEnum):
    OLDEST = "oldest"
    NEWEST = "newest"


class EventController(Controller):
    path = "/events"
    tags = ["Events"]
    dependencies = {"log": Provide(event_service, sync_to_thread=False)}

    @get(
        guards=[may("events:read")],
        operation_id="listEvents",
        summary="List what happened in the workspace (audit)",
    )
    async def list_events(
        self,
        request: Request[Any, Any, Any],
        log: EventService,
        actor_id: Annotated[
            UUID | None, QueryParameter(name="actor", required=False, description="Who did it.")
        ] = None,
        name: Names = None,
        subject: Subject = None,
        task: About = None,
        run: OfRun = None,
        since: Annotated[
            datetime | None, QueryParameter(required=False, description="From this moment on.")
        ] = None,
        until: Annotated[
            datetime | None, QueryParameter(required=False, description="Before this moment.")
        ] = None,
        after: Annotated[
            int | None,
            QueryParameter(required=False, ge=0, le=2**31 - 1, description="Only later numbers."),
        ] = None,
        sort: Annotated[
            EventOrder, QueryParameter(description="By number, from either end.")
        ] = EventOrder.OLDEST,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[EventPage]:
        which = EventFilter(
            actor_id=ActorId(actor_id) if actor_id else None,
            names=tuple(name or ()),
            subject=subject,
            run_id=run,
            since=moment_given(since, "since"),
            until=moment_given(until, "until"),
            after=after,
            is_newest_first=sort is EventOrder.NEWEST,
        )
        page = await log.list_events(which, task, cursor, limit)
        items = [EventOut.of(event) for event in page.items]
        return paged(request, EventPage(items=items, next_cursor=page.next_cursor))

    @get(
        "/stream",
        guards=[may("events:read")],
        operation_id="watchEvents",
        summary="Watch what happens in the workspace (server-sent events)",
        media_type="text/event-stream",
        opt={"streams": True},
    )
    async def watch(
        self,
        log: EventService,
        actor: Actor,
        streams: EventStreams,
        still_there: StillThere,
        actor_id: Annotated[
            UUID | None, QueryParameter(name="actor", required=False, description="Who did it.")
        ] = None,
        name: Names = None,
        subject: Subject = None,
        task: About = None,
        run: OfRun = None,
        after: Annotated[
            int | None,
            QueryParameter(
                required=False,
                ge=0,
                le=2**31 - 1,
                description="Begin after this number, for those who cannot set Last-Event-ID.",
            ),
        ] = None,
        wait: Annotated[
            float | None,
            QueryParameter(
                required=False,
                ge=0,
                le=60,
                description="End when nothing came for so many seconds, instead of staying.",
            ),
        ] = None,
        last_event_id: Annotated[
            str | None,
            HeaderParameter(
                name="Last-Event-ID",
                required=False,
                max_length=20,
                description="The `id` of the last event you have; the stream begins after it.",
            ),
        ] = None,
    ) -> EventStream:
        which = EventFilter(
            actor_id=ActorId(actor_id) if actor_id else None,
            names=tuple(name or ()),
            subject=subject,
            run_id=run,
        )
        which = await log.narrowed(which, task)
        begin = after if last_event_id is None else place_of(last_event_id)
        items = streams.read(actor, which, begin, still_there, wait)
        return EventStream(as_text(items), come_back=COME_BACK)


class ActivityController(Controller):
    path = "/tasks/{task:str}/activity"
    tags = ["Events"]
    dependencies = {"log": Provide(event_service, sync_to_thread=False)}

    @get(
        guards=[may("tasks:read")],
        operation_id="listTaskActivity",
        summary="List what happened to a task, newest first",
    )
    async def list_activity(
        self,
        task: TaskPath,
        request: Request[Any, Any, Any],
        log: EventService,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[EventPage]:
        page = await log.list_activity(task, cursor, limit)
        items = [EventOut.of(event) for event in page.items]
        return paged(request, EventPage(items=items, next_cursor=page.next_cursor))
