"""The verbs of estimates."""

from cachetools import TTLCache

from nexus.features.estimates.domain import Model
from nexus.features.estimates.events import ComplexityCalibrated
from nexus.features.estimates.repository import ModelRepository
from nexus.platform.actor import WorkspaceId
from nexus.platform.clock import now
from nexus.platform.events import EventLog

_KNOWN_FOR_S, _MOST_KNOWN = 60, 1000


class EstimateService:
    _known: TTLCache[WorkspaceId, Model] = TTLCache(_MOST_KNOWN, _KNOWN_FOR_S)
    """Every write of a task asks for the model, which changes once in an hour at the most."""

    def __init__(self, models: ModelRepository, events: EventLog) -> None:
        self._models = models
        self._events = events

    async def model(self) -> Model:
        """The workspace's model as it is now."""
        return await self._models.get()

    async def recent_model(self, workspace_id: WorkspaceId) -> Model:
        """The same as it was a minute ago at the most: it may have learned since."""
        model = self._known.get(workspace_id)
        if model is None:
            model = self._known[workspace_id] = await self._models.get()
        return model

    async def is_applied(self) -> bool:
        """Whether all open tasks are estimated by what was learned last."""
        return await self._models.is_applied()

    async def applied(self, model: Model) -> None:
        """Note that they are."""
        await self._models.applied(model, now())

    async def learn(self, workspace_id: WorkspaceId, model: Model) -> None:
        """Use this model from now on, if it was calibrated."""
        if model.calibration is None:
            return
        await self._models.save(workspace_id, model, model.calibration)
        self._known.pop(workspace_id, None)
        self._events.record_by_system(
            ComplexityCalibrated(
                workspace_id=workspace_id,
                samples=model.calibration.samples,
                error=round(model.calibration.error, 3),
            ),
            workspace_id=workspace_id,
        )
