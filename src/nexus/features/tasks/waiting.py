"""Why a task cannot be begun, down to the root, and what its finish sets free: pure."""

from collections import defaultdict, deque
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from nexus.features.tasks.domain import Task, TaskBrief, TaskId
from nexus.features.tasks.graph import Moment, Need

MAX_SHOWN = 200
MAX_CHAINS = 20


class Because(StrEnum):
    """What makes one task wait for another one."""

    DEPENDENCY = "dependency"
    SUBTASK = "subtask"
    PARENT = "parent"


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A task on the way to the root. `task` is None where the viewer may not see it.

    `via` is the task that waits for it, `distance` how many steps it is away, and a root waits
    for nothing itself: it is where work can begin.
    """

    task: TaskBrief | None
    because: Because
    via: TaskBrief | None
    distance: int
    is_root: bool


@dataclass(frozen=True, kw_only=True)
class Why:
    """`reasons` say in words why the task cannot be begun; empty if it can."""

    task: Task
    is_ready: bool
    reasons: Sequence[str]
    waits_for: Sequence[Waiting]
    unlocks: Sequence[Waiting]


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a walk over the graph found: edges and tasks; the `hidden` ones are not to be shown."""

    needs: Sequence[Need]
    briefs: Mapping[UUID, TaskBrief]
    hidden: Container[UUID]

    def seen(self, task_id: UUID) -> TaskBrief | None:
        return None if task_id in self.hidden else self.briefs[task_id]


def why(task: Task, actor_id: UUID, needed: Surroundings, waiting: Surroundings) -> Why:
    ways = _ways(needed.needs)
    waits_for = _steps(task.id, ways, needed, _blocking(task.id, ways))
    back = _ways([(other, one) for one, other in waiting.needs])
    open_ids = {one for one, brief in waiting.briefs.items() if not brief.status.is_finished}
    unlocks = _steps(task.id, back, waiting, open_ids)
    assigned = {one.id for one in task.assignees}
    is_mine = not assigned or actor_id in assigned
    reasons = [*_own_reasons(task, is_mine=is_mine), *_chains(task, waits_for)]
    return Why(
        task=task,
        is_ready=not reasons,
        reasons=reasons,
        waits_for=waits_for[:MAX_SHOWN],
        unlocks=unlocks[:MAX_SHOWN],
    )


def _ways(needs: Sequence[Need]) -> dict[UUID, dict[UUID, Because]]:
    """From task to task: the two moments of one task are one place here."""
    ways: defaultdict[UUID, dict[UUID, Because]] = defaultdict(dict)
    for (from_kind, from_id), (to_kind, to_id) in needs:
        if from_id == to_id:
            continue
        match from_kind, to_kind:
            case Moment.GATE, Moment.GATE:
                because = Because.PARENT
            case Moment.FINISH, Moment.FINISH:
                because = Because.SUBTASK
            case _:
                because = Because.DEPENDENCY
        ways[from_id].setdefault(to_id, because)
    return ways


def _steps(
    start: UUID,
    ways: Mapping[UUID, Mapping[UUID, Because]],
    around: Surroundings,
    shown: Container[UUID],
) -> list[Waiting]:
    """Those of the tasks that can be reached, the nearest first; the others only lead on."""
    found: list[Waiting] = []
    seen = {start}
    queue = deque([(start, 0)])
    while queue:
        one, distance = queue.popleft()
        for other, because in sorted(
            ways.get(one, {}).items(), key=lambda way: around.briefs[way[0]].key
        ):
            if other in seen:
                continue
            seen.add(other)
            queue.append((other, distance + 1))
            if other not in shown:
                continue
            further = [far for far in ways.get(other, {}) if far in shown]
            found.append(
                Waiting(
                    task=around.seen(other),
                    because=because,
                    via=around.seen(one),
                    distance=distance + 1,
                    is_root=not further,
                )
            )
    return found


def _blocking(start: UUID, ways: Mapping[UUID, Mapping[UUID, Because]]) -> set[UUID]:
    """The tasks that hold somebody up. A parent does so only by what it waits for itself."""
    order: list[UUID] = []
    stack, seen = [start], {start}
    while stack:
        one = stack.pop()
        order.append(one)
        fresh = [other for other in ways.get(one, {}) if other not in seen]
        seen.update(fresh)
        stack.extend(fresh)
    reasons: defaultdict[UUID, set[Because]] = defaultdict(set)
    for one in order:
        for other, because in ways.get(one, {}).items():
            reasons[other].add(because)
    blocking = {one for one in order if reasons[one] - {Because.PARENT}}
    grew = True
    while grew:
        above = {
            one
            for one in order
            if one not in blocking and any(far in blocking for far in ways.get(one, {}))
        }
        grew = bool(above)
        blocking |= above
    return blocking


def _own_reasons(task: Task, *, is_mine: bool) -> list[str]:
    reasons: list[str] = []
    if task.archived_at:
        reasons.append("It is archived.")
    if task.status != "todo":
        reasons.append(f"It is {task.status}, and only 'todo' can be begun.")
    if not is_mine:
        names = ", ".join(one.name for one in task.assignees)
        reasons.append(f"It is assigned to {names}.")
    return reasons


def _chains(task: Task, waits_for: Sequence[Waiting]) -> list[str]:
    """One sentence a root, with the shortest way to it."""
    steps = {step.task.id: step for step in waits_for if step.task}
    sentences = [_chain(task.id, step, steps) for step in waits_for if step.is_root]
    more = len(sentences) - MAX_CHAINS
    return sentences[:MAX_CHAINS] + ([f"It waits for {more} more."] if more > 0 else [])


def _chain(start: TaskId, root: Waiting, steps: Mapping[TaskId, Waiting]) -> str:
    way: list[str] = []
    step: Waiting | None = root
    while step:
        name = f"{step.task.key} ({step.task.status})" if step.task else "a task you cannot see"
        way.insert(0, name)
        via = step.via
        step = steps.get(via.id) if via and via.id != start else None
    return f"It waits for {', which waits for '.join(way)}."
