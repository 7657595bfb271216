"""Estimates over HTTP."""

from litestar import Controller, get
from litestar.di import Provide

from nexus.features.estimates.dto import ComplexityModelOut
from nexus.features.estimates.service import EstimateService
from nexus.features.estimates.wiring import estimate_service
from nexus.platform.http.guards import may


class ComplexityModelController(Controller):
    path = "/complexity"
    tags = ["Tasks"]
    dependencies = {"estimates": Provide(estimate_service, sync_to_thread=False)}

    @get(
        guards=[may("tasks:read")],
        operation_id="getComplexityModel",
        summary="Say how complexity is estimated, and how far estimates were off",
    )
    async def get_model(self, estimates: EstimateService) -> ComplexityModelOut:
        return ComplexityModelOut.of(await estimates.model())
