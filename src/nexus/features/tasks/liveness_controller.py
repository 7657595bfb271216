"""Liveness over HTTP."""

from typing import Annotated

from litestar import Controller, get
from litestar.di import Provide
from litestar.params import QueryParameter

from nexus.features.tasks.liveness_dto import LivenessOut
from nexus.features.tasks.reviving import LivenessService
from nexus.features.tasks.wiring import liveness_service
from nexus.platform.http.guards import may


class LivenessController(Controller):
    path = "/liveness"
    tags = ["Tasks"]
    dependencies = {"liveness": Provide(liveness_service, sync_to_thread=False)}

    @get(
        guards=[may("tasks:read")],
        operation_id="getLiveness",
        summary="Say whether every open task can go on, and how to mend what cannot",
    )
    async def look(
        self,
        liveness: LivenessService,
        unlocks: Annotated[
            bool,
            QueryParameter(
                required=False,
                description="Check also what tasks unlock, which reads the whole graph.",
            ),
        ] = False,
    ) -> LivenessOut:
        return LivenessOut.of(await liveness.look(unlocks=unlocks))
