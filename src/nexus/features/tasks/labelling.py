"""The verbs of labels; tasks make them by naming them."""

from dataclasses import replace

from nexus.features.estimates.service import EstimateService
from nexus.features.tasks.domain import LabelId
from nexus.features.tasks.events import LabelRemoved, LabelUpdated
from nexus.features.tasks.labels import Label, LabelRepository
from nexus.platform.actor import Actor
from nexus.platform.events import EventLog, changes_between
from nexus.platform.fields import tidy
from nexus.platform.paging import Page


class LabelService:
    def __init__(
        self, labels: LabelRepository, estimates: EstimateService, events: EventLog
    ) -> None:
        self._labels = labels
        self._estimates = estimates
        self._events = events

    async def list_labels(self, cursor: str | None, limit: int) -> Page[Label]:
        return await self._labels.list_page(cursor, limit)

    async def update(self, label_id: LabelId, *, name: str, by: Actor) -> Label:
        """Rename a label on all tasks at once. Raises LabelTaken."""
        old = await self._labels.get(label_id)
        new = replace(old, name=tidy(name))
        changes = changes_between(old, new, "name")
        if not changes:
            return old

        await self._labels.save(new)
        if await self._counts(old.name, new.name, by=by):
            await self._labels.forget_estimates(label_id)
        self._events.record(LabelUpdated(label_id=label_id, changes=changes), by=by)
        return new

    async def remove(self, label_id: LabelId, *, by: Actor) -> None:
        """Take a label off all tasks. Their versions stay: nobody edited them."""
        label = await self._labels.get(label_id)

        if await self._counts(label.name, by=by):
            await self._labels.forget_estimates(label_id)
        await self._labels.remove(label_id)
        self._events.record(LabelRemoved(label_id=label_id, title=label.name), by=by)

    async def _counts(self, *names: str, by: Actor) -> bool:
        """Whether one of these names counts in estimates of complexity."""
        model = await self._estimates.recent_model(by.workspace_id)
        return any(model.knows_label(name) for name in names)
