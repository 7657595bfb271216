"""Alerts over HTTP."""

from typing import Annotated, Any

from litestar import Controller, Request, Response, get
from litestar.di import Provide
from litestar.params import QueryParameter

from nexus.features.alerts.dto import AlertOut, AlertPage
from nexus.features.alerts.service import AlertService
from nexus.features.alerts.wiring import alert_service
from nexus.platform.http.answers import CursorParameter, Limit, paged
from nexus.platform.http.guards import may


class AlertController(Controller):
    path = "/alerts"
    tags = ["Alerts"]
    dependencies = {"alerts": Provide(alert_service, sync_to_thread=False)}

    @get(
        guards=[may("alerts:read")],
        operation_id="listAlerts",
        summary="List what is wrong and wants somebody, newest first",
    )
    async def list_alerts(
        self,
        request: Request[Any, Any, Any],
        alerts: AlertService,
        is_open: Annotated[
            bool | None,
            QueryParameter(
                name="open", required=False, description="Only those that are open, or are over."
            ),
        ] = None,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[AlertPage]:
        page = await alerts.list_alerts(cursor, limit, is_open=is_open)
        items = [AlertOut.of(one) for one in page.items]
        return paged(request, AlertPage(items=items, next_cursor=page.next_cursor))
