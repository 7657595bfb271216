"""Why a task cannot be begun, down to the root, and what its finish sets free: pure."""

from collections import defaultdict, deque
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from nexus.features.tasks.domain import Task, TaskBrief, TaskId
from nexus.features.tasks.graph import Moment, Need, Node

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
    waits_for = _steps(task.id, _holders(needed.needs), needed)
    back = _freed([(other, one) for one, other in waiting.needs])
    unlocks = [
        step
        for step in _steps(task.id, back, waiting)
        if step.task is None or not step.task.status.is_finished
    ]
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


Ways = Mapping[UUID, Mapping[UUID, Because]]
"""From each task to those next to it on the way, and what leads there."""


def _holders(needs: Sequence[Need]) -> Ways:
    """From each task to those whose finish it needs itself: not through another one's finish.

    A parent only hands down what it waits for; it holds up its subtasks by nothing of its own.
    """
    following: defaultdict[Node, list[Node]] = defaultdict(list)
    for one, other in needs:
        following[one].append(other)
    ways: dict[UUID, dict[UUID, Because]] = {}
    for kind, task_id in list(following):
        if kind is not Moment.FINISH:
            continue
        found: dict[UUID, Because] = {}
        stack, seen = [(Moment.FINISH, task_id)], {(Moment.FINISH, task_id)}
        while stack:
            node = stack.pop()
            for other in following.get(node, ()):
                if other in seen:
                    continue
                seen.add(other)
                if other[0] is Moment.GATE:
                    stack.append(other)
                elif node[0] is Moment.FINISH:
                    found[other[1]] = Because.SUBTASK
                else:
                    own = node[1] == task_id
                    found.setdefault(other[1], Because.DEPENDENCY if own else Because.PARENT)
        ways[task_id] = found
    return ways


def _freed(needs: Sequence[Need]) -> Ways:
    """From each task to those that wait for it, its subtasks and its parent among them."""
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


def _steps(start: UUID, ways: Ways, around: Surroundings) -> list[Waiting]:
    """All tasks that can be reached, the nearest first, each by the shortest way."""
    found: list[Waiting] = []
    seen = {start}
    queue = deque([(start, 0)])
    while queue:
        one, distance = queue.popleft()
        beside = sorted(ways.get(one, {}).items(), key=lambda way: around.briefs[way[0]].key)
        for other, because in beside:
            if other in seen:
                continue
            seen.add(other)
            queue.append((other, distance + 1))
            found.append(
                Waiting(
                    task=around.seen(other),
                    because=because,
                    via=around.seen(one),
                    distance=distance + 1,
                    is_root=not ways.get(other),
                )
            )
    return found


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
