"""Explaining the complexity of tasks, and learning it from those that are finished."""

from collections.abc import Sequence
from dataclasses import dataclass

from nexus.features.estimates.calibrating import PastTask, Sample
from nexus.features.estimates.domain import Estimate, Model
from nexus.features.estimates.service import EstimateService
from nexus.features.tasks.domain import Task, TaskId, TaskRef
from nexus.features.tasks.outcomes import OutcomeRepository
from nexus.features.tasks.repository import TaskRepository
from nexus.features.tasks.scoring import estimated, traits_of
from nexus.platform.actor import WorkspaceId

AT_ONCE = 200
_AT_FIRST = 500
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A task's estimate, by which model, and the finished tasks that are most like it."""

    task: Task
    estimate: Estimate
    model: Model
    similar: Sequence[PastTask]


class ComplexityService:
    def __init__(
        self, tasks: TaskRepository, outcomes: OutcomeRepository, estimates: EstimateService
    ) -> None:
        self._tasks = tasks
        self._outcomes = outcomes
        self._estimates = estimates

    async def explain(self, ref: str) -> Explanation:
        """Why a task is estimated as it is, now."""
        task = await self._tasks.get(TaskRef.of(ref))
        model = await self._estimates.recent_model(task.workspace_id)
        features = traits_of(task).features()
        past = await self._outcomes.list_newest()
        by_likeness = sorted(
            (one for one in past if one.id != task.id),
            key=lambda one: _distance(one.sample, features),
        )
        return Explanation(
            task=task,
            estimate=model.estimate(features),
            model=model,
            similar=by_likeness[:_SHOWN],
        )

    async def take_in(self) -> int:
        """Write down what freshly finished tasks took; how many they were."""
        fresh = await self._outcomes.list_fresh(_AT_FIRST)
        if not fresh:
            return 0
        tasks = await self._tasks.list_whole(fresh)
        outcomes = await self._outcomes.outcomes_of(tasks)
        await self._outcomes.save(
            {
                task.id: (
                    task.finished_at,
                    Sample(features=traits_of(task).features(), outcome=outcomes[task.id]),
                )
                for task in tasks
                if task.finished_at
            }
        )
        return len(fresh)

    async def samples(self) -> list[Sample]:
        """What is known of the latest finished tasks; nothing where all of it is learned."""
        calibration = (await self._estimates.model()).calibration
        newest = await self._outcomes.newest_record()
        if newest is None or (calibration and newest <= calibration.calibrated_at):
            return []
        return [one.sample for one in await self._outcomes.list_newest()]

    async def score_unscored(self) -> int:
        """Estimate tasks that came without a score; how many they were."""
        tasks = await self._tasks.lock_all(await self._outcomes.list_unscored(AT_ONCE))
        return await self._score(tasks)

    async def score_again(self, after: TaskId | None) -> TaskId | None:
        """Estimate some open tasks anew, from an id on; the last of them, None at the end."""
        ids = await self._outcomes.list_open(after, AT_ONCE)
        await self._score(await self._tasks.lock_all(ids))
        return ids[-1] if len(ids) == AT_ONCE else None

    async def list_workspaces_unscored(self) -> Sequence[WorkspaceId]:
        """For the job alone."""
        return await self._outcomes.list_workspaces_unscored(AT_ONCE)

    async def _score(self, tasks: Sequence[Task]) -> int:
        model = await self._estimates.model()
        scored = [(task, estimated(task, model)) for task in tasks]
        changed = [new for old, new in scored if new.complexity_auto != old.complexity_auto]
        if changed:
            await self._outcomes.save_scores(changed)
        return len(changed)


def _distance(sample: Sample, features: dict[str, float]) -> float:
    """How unlike two tasks are in what an estimate looks at; a label that both have counts most."""
    names = sample.features.keys() | features.keys()
    return sum(abs(sample.features.get(name, 0.0) - features.get(name, 0.0)) for name in names)
