"""Keeping the estimated complexity of tasks in line with what they say."""

from dataclasses import replace

from nexus.features.estimates.domain import Model, Traits
from nexus.features.estimates.service import EstimateService
from nexus.features.tasks.domain import Task


class Scorer:
    def __init__(self, estimates: EstimateService) -> None:
        self._estimates = estimates

    async def scored(self, task: Task, *, was: Task | None = None) -> Task:
        """The task with the complexity that its traits speak for, if they changed.

        What a file or an accepted proposal gave it counts for more than the estimate.
        """
        if was and _inputs(task) == _inputs(was):
            return task
        return estimated(task, await self._estimates.recent_model(task.workspace_id))


def estimated(task: Task, model: Model) -> Task:
    if task.complexity_given:
        return replace(task, complexity_auto=task.complexity_given)
    return replace(task, complexity_auto=model.estimate(traits_of(task).features()).score)


def traits_of(task: Task) -> Traits:
    return Traits(
        title=task.title,
        texts=(
            task.description,
            task.details,
            task.test_strategy,
            *(item.text for item in task.acceptance),
        ),
        acceptance=len(task.acceptance),
        dependencies=len(task.dependencies),
        paths=task.footprint,  # what was learned is known when the work is over
        labels=task.labels,
    )


def _inputs(task: Task) -> tuple[Traits, int | None]:
    return traits_of(task), task.complexity_given
