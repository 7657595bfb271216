"""Which ready task an agent should take, why, and why not another one: pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from nexus.features.tasks.domain import Task, TaskStatus
from nexus.features.tasks.explaining import reason_of
from nexus.features.tasks.footprints import overlapping
from nexus.features.tasks.holds import Reservation, RunId
from nexus.platform.actor import ActorId
from nexus.platform.fields import folded


@dataclass(frozen=True, kw_only=True)
class Wants:
    """What an agent may take. An empty part leaves all of it open.

    With `labels`, a task must carry at least one of them. A task whose complexity nobody knows
    fits every range.
    """

    actor_id: ActorId
    name: str
    labels: tuple[str, ...] = ()
    min_complexity: int = 1
    max_complexity: int = 10
    projects: tuple[str, ...] = ()
    repositories: tuple[UUID, ...] = ()
    max_tasks: int = 1

    @property
    def takes_any_complexity(self) -> bool:
        return self.min_complexity <= 1 and self.max_complexity >= 10


@dataclass(kw_only=True, slots=True)
class RunningTask:
    """A task that somebody holds. `is_due`: the lease ran out and nobody has noticed yet.

    `reserved` is what is left of what its claim set aside; `is_shown`: whoever looks may see it.
    Not frozen, though nothing changes it: every claim makes one of each that is held.
    """

    task_id: UUID
    key: str
    run_id: RunId
    actor_id: ActorId
    holder: str
    is_agent: bool
    is_due: bool
    project_id: UUID
    repository_id: UUID | None
    paths: tuple[str, ...]
    reserved: Reservation
    is_shown: bool


@dataclass(frozen=True, kw_only=True)
class Running:
    """All that is held in a workspace, and how much of it may be."""

    tasks: Sequence[RunningTask]
    project_limits: Mapping[UUID, int]
    repository_limits: Mapping[UUID, int]

    @property
    def due(self) -> Sequence[RunningTask]:
        return [task for task in self.tasks if task.is_due]

    def count_of(self, actor_id: ActorId) -> int:
        return sum(task.actor_id == actor_id and not task.is_due for task in self.tasks)

    @property
    def full_projects(self) -> frozenset[UUID]:
        if not self.project_limits:
            return frozenset()
        taken = Counter(task.project_id for task in self._by_agents)
        return frozenset(one for one, most in self.project_limits.items() if taken[one] >= most)

    @property
    def full_repositories(self) -> frozenset[UUID]:
        if not self.repository_limits:
            return frozenset()
        taken = Counter(task.repository_id for task in self._by_agents)
        return frozenset(one for one, most in self.repository_limits.items() if taken[one] >= most)

    def conflict_of(self, task: Task) -> str | None:
        """Why a task should wait: it could touch a file that somebody works on."""
        for other in self.tasks:
            if other.is_due or other.task_id == task.id or not _same_ground(other, task):
                continue
            if pair := overlapping(task.paths, other.paths):
                mine, theirs = pair
                if not other.is_shown:
                    return "Its files overlap those of a task that somebody else works on."
                return (
                    f"Its files ({mine}) overlap those of {other.key} ({theirs}), which "
                    f"{other.holder} works on."
                )
        return None

    @property
    def _by_agents(self) -> Sequence[RunningTask]:
        return [task for task in self.tasks if task.is_agent and not task.is_due]


@dataclass(frozen=True, kw_only=True)
class WorkLimit:
    """How many tasks of a project or of a repository agents may work on at once."""

    project_id: UUID | None
    repository_id: UUID | None
    max_running: int | None


@dataclass(frozen=True, kw_only=True)
class PassedOver:
    """A task that stands before the chosen one in the order, and why it was not taken."""

    key: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The task to take, and why it and not those before it; `task` None where none fits."""

    task: Task | None
    reason: str
    passed_over: Sequence[PassedOver] = ()


def choose(
    candidates: Sequence[Task],
    wants: Wants,
    running: Running,
    *,
    unpaid: Mapping[UUID, str],
    allows_overlap: bool,
) -> Choice:
    """The first candidate that can be paid and whose files nobody works on.

    They come in the order of `next`; `unpaid` says why some of them cannot be paid.
    """
    passed: list[PassedOver] = []
    for position, task in enumerate(candidates):
        conflict = unpaid.get(task.id)
        if conflict is None and not allows_overlap:
            conflict = running.conflict_of(task)
        if conflict is None:
            following = candidates[position + 1] if position + 1 < len(candidates) else None
            return Choice(task=task, reason=reason_of(task, following), passed_over=passed)
        passed.append(PassedOver(key=task.key, reason=conflict))
    why = "No ready task is left that fits." if not passed else "What fits has to wait."
    return Choice(task=None, reason=f"{why} {wants.name} can wait for one.", passed_over=passed)


def asked_for(task: Task) -> Choice:
    """The choice of a task that was named."""
    return Choice(task=task, reason=f"It was asked for. {reason_of(task, None)}")


def misfits(task: Task, wants: Wants) -> list[str]:
    """Why a task is not for an agent, whatever else runs."""
    reasons: list[str] = []
    if wants.projects and task.project_key not in wants.projects:
        reasons.append(f"{wants.name} does not work in the project {task.project_key}.")
    if wants.repositories and task.repository_id not in wants.repositories:
        reasons.append(f"{wants.name} does not work in its repository.")
    assigned = {one.id: one.name for one in task.assignees}
    if assigned and wants.actor_id not in assigned:
        reasons.append(f"It is assigned to {', '.join(sorted(assigned.values()))}.")
    has = {folded(label) for label in task.labels}
    if wants.labels and not has & {folded(label) for label in wants.labels}:
        reasons.append(
            f"It has none of the labels that {wants.name} takes: {', '.join(wants.labels)}."
        )
    size = task.complexity
    if size is not None and not wants.min_complexity <= size <= wants.max_complexity:
        reasons.append(
            f"Its complexity is {size}; {wants.name} takes "
            f"{wants.min_complexity} to {wants.max_complexity}."
        )
    return reasons


def not_ready(task: Task) -> list[str]:
    """Why nobody can begin a task now."""
    reasons: list[str] = []
    if task.archived_at:
        reasons.append("It is archived.")
    if task.hold and task.hold.is_live:
        reasons.append(f"{task.hold.holder.name} holds it.")
    elif task.status is not TaskStatus.TODO and not (task.hold and task.hold.is_due):
        reasons.append(f"It is {task.status}, and only 'todo' can be begun.")
    if task.open_dependencies:
        waits = [one.key for one in task.dependencies if not one.status.is_finished]
        named = f": {', '.join(waits)}" if waits else " of its parent or of hidden projects"
        reasons.append(f"It waits for {task.open_dependencies} open dependencies{named}.")
    if task.open_subtasks:
        reasons.append(f"It has {task.open_subtasks} open subtasks.")
    return reasons


def no_room(task: Task, wants: Wants, running: Running) -> list[str]:
    """Which limits are reached."""
    reasons: list[str] = []
    count = running.count_of(wants.actor_id)
    if count >= wants.max_tasks:
        reasons.append(f"{wants.name} works on {count} already and takes {wants.max_tasks}.")
    if task.project_id in running.full_projects:
        most = running.project_limits[task.project_id]
        reasons.append(f"{most} tasks of {task.project_key} run already, as many as may.")
    if task.repository_id and task.repository_id in running.full_repositories:
        most = running.repository_limits[task.repository_id]
        reasons.append(f"{most} tasks of its repository run already, as many as may.")
    return reasons


def _same_ground(other: RunningTask, task: Task) -> bool:
    """Whether two tasks are about the same repository; without one, about the same project."""
    if other.repository_id or task.repository_id:
        return other.repository_id == task.repository_id
    return other.project_id == task.project_id
