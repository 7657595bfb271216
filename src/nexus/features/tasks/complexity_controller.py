"""The complexity of tasks over HTTP."""

from litestar import Controller, get
from litestar.di import Provide

from nexus.features.tasks.complexity_dto import ComplexityOut
from nexus.features.tasks.learning import ComplexityService
from nexus.features.tasks.wiring import complexity_service
from nexus.platform.http.answers import TaskPath
from nexus.platform.http.guards import may


class ComplexityController(Controller):
    path = "/tasks/{task:str}/complexity"
    tags = ["Tasks"]
    dependencies = {"complexities": Provide(complexity_service, sync_to_thread=False)}

    @get(
        guards=[may("tasks:read")],
        operation_id="explainComplexity",
        summary="Say why a task is estimated as it is",
    )
    async def explain(self, task: TaskPath, complexities: ComplexityService) -> ComplexityOut:
        return ComplexityOut.of(await complexities.explain(task))
