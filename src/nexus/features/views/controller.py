"""Saved views over HTTP."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.di import Provide

from nexus.features.views.domain import ViewId
from nexus.features.views.dto import ViewIn, ViewOut, ViewPage, ViewPatch, ViewQueryIn
from nexus.features.views.service import ViewService
from nexus.features.views.wiring import view_service
from nexus.platform.actor import Actor
from nexus.platform.http.answers import (
    CursorParameter,
    IfMatch,
    Limit,
    expected_version,
    given,
    paged,
    versioned,
)
from nexus.platform.http.guards import may


class ViewController(Controller):
    path = "/views"
    tags = ["Views"]
    dependencies = {"views": Provide(view_service, sync_to_thread=False)}

    @get(guards=[may("views:read")], operation_id="listViews", summary="List saved views")
    async def list_views(
        self,
        request: Request[Any, Any, Any],
        views: ViewService,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[ViewPage]:
        page = await views.list_views(cursor, limit)
        items = [ViewOut.of(view) for view in page.items]
        return paged(request, ViewPage(items=items, next_cursor=page.next_cursor))

    @post(guards=[may("views:write")], operation_id="createView", summary="Save a view of tasks")
    async def create(self, data: ViewIn, views: ViewService, actor: Actor) -> Response[ViewOut]:
        view = await views.create(
            data.name, query=_plain(data.query), is_shared=data.is_shared, by=actor
        )
        return versioned(ViewOut.of(view), status=201)

    @get(
        "/{view_id:uuid}",
        guards=[may("views:read")],
        operation_id="getView",
        summary="Get a saved view",
    )
    async def get_view(self, view_id: UUID, views: ViewService) -> Response[ViewOut]:
        return versioned(ViewOut.of(await views.get(ViewId(view_id))))

    @patch(
        "/{view_id:uuid}",
        guards=[may("views:write")],
        operation_id="updateView",
        summary="Change a saved view",
    )
    async def update(
        self,
        view_id: UUID,
        data: ViewPatch,
        views: ViewService,
        actor: Actor,
        if_match: IfMatch = None,
    ) -> Response[ViewOut]:
        query = given(data.query)
        view = await views.update(
            ViewId(view_id),
            name=given(data.name),
            query=_plain(query) if query else None,
            is_shared=given(data.is_shared),
            version=expected_version(if_match),
            by=actor,
        )
        return versioned(ViewOut.of(view))

    @delete(
        "/{view_id:uuid}",
        guards=[may("views:write")],
        operation_id="removeView",
        summary="Remove a saved view",
    )
    async def remove(self, view_id: UUID, views: ViewService, actor: Actor) -> None:
        await views.remove(ViewId(view_id), by=actor)


def _plain(query: ViewQueryIn) -> dict[str, Any]:
    return msgspec.to_builtins(query)
