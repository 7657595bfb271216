"""What waits for what: pure. The rule of cycles, and how far a task's finish reaches.

Every task has two moments: its *gate* (it may begin) and its *finish*. Each edge says that one
moment needs another first:

* a task's finish needs its gate;
* its gate needs the finish of what it depends on, and the gate of its parent: a subtask waits for
  all that its ancestors wait for;
* a parent's finish needs the finish of its subtasks.

Two tasks can then wait for each other exactly if the graph of these moments has a cycle. It also
says that no task can depend on its own ancestor or descendant.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Moment(StrEnum):
    GATE = "G"
    FINISH = "F"


Node = tuple[Moment, UUID]
Need = tuple[Node, Node]
"""`(a, b)`: a needs b first."""


@dataclass(frozen=True, kw_only=True)
class Unlocks:
    """What finishing a task sets free: how many open tasks, in how long a chain."""

    depth: int
    count: int


def gate(task_id: UUID) -> Node:
    return (Moment.GATE, task_id)


def finish(task_id: UUID) -> Node:
    return (Moment.FINISH, task_id)


def needs_of_dependency(task_id: UUID, depends_on_id: UUID) -> list[Need]:
    return [(gate(task_id), finish(depends_on_id))]


def needs_of_parent(task_id: UUID, parent_id: UUID) -> list[Need]:
    return [(gate(task_id), gate(parent_id)), (finish(parent_id), finish(task_id))]


def needs_of_tasks(task_ids: Iterable[UUID]) -> list[Need]:
    return [(finish(task_id), gate(task_id)) for task_id in task_ids]


def find_cycle(needs: Iterable[Need], added: Need) -> list[UUID] | None:
    """The tasks on a cycle that `added` would close, beginning and ending with the same one.

    None if it closes none. `needs` must hold all that the needed end of `added` leads to.
    """
    start, goal = added[1], added[0]
    following: defaultdict[Node, list[Node]] = defaultdict(list)
    for one, other in needs:
        following[one].append(other)
    came_from: dict[Node, Node] = {}
    queue = deque([start])
    seen = {start}
    while queue:
        node = queue.popleft()
        if node == goal:
            return _tasks_on([goal, *_path(came_from, start, goal)])
        for further in following[node]:
            if further not in seen:
                seen.add(further)
                came_from[further] = node
                queue.append(further)
    return None


def acyclic(needs: Iterable[Need], candidates: Sequence[Sequence[Need]]) -> list[bool]:
    """Which of the candidates can be added one after the other without closing a cycle.

    For imports: what is refused is set aside, and the rest goes in.
    """
    known = list(needs)
    following: defaultdict[Node, set[Node]] = defaultdict(set)
    for one, other in known:
        following[one].add(other)
    accepted: list[bool] = []
    for candidate in candidates:
        fits = not any(_reaches(following, other, one) for one, other in candidate)
        if fits:
            for one, other in candidate:
                following[one].add(other)
        accepted.append(fits)
    return accepted


def unlocks(
    task_ids: Iterable[UUID], needs: Iterable[Need], open_ids: set[UUID]
) -> dict[UUID, Unlocks]:
    """For each task, which open ones wait for its finish, and in how long a chain.

    `needs` must hold all that leads to those tasks. Gates count for nothing themselves.
    """
    waiting: defaultdict[Node, list[Node]] = defaultdict(list)
    for one, other in needs:
        waiting[other].append(one)
    depths: dict[Node, int] = {}
    return {
        task_id: Unlocks(
            depth=_depth(finish(task_id), waiting, open_ids, depths),
            count=len(_waiting_tasks(task_id, waiting) & open_ids - {task_id}),
        )
        for task_id in task_ids
    }


def _waiting_tasks(task_id: UUID, waiting: dict[Node, list[Node]]) -> set[UUID]:
    seen = {finish(task_id)}
    stack = [finish(task_id)]
    while stack:
        for node in waiting.get(stack.pop(), ()):
            if node not in seen:
                seen.add(node)
                stack.append(node)
    return {task for _, task in seen}


def _depth(
    start: Node, waiting: dict[Node, list[Node]], open_ids: set[UUID], known: dict[Node, int]
) -> int:
    """The largest number of open tasks that finish one after the other behind `start`."""
    stack = [start]
    while stack:
        node = stack[-1]
        behind = waiting.get(node, ())
        missing = [other for other in behind if other not in known]
        if node in known or not missing:
            stack.pop()
            known.setdefault(
                node,
                max(
                    (
                        known[other] + (other[0] is Moment.FINISH and other[1] in open_ids)
                        for other in behind
                    ),
                    default=0,
                ),
            )
        else:
            stack.extend(missing)
    return known[start]


def _reaches(following: dict[Node, set[Node]], start: Node, goal: Node) -> bool:
    seen = {start}
    stack = [start]
    while stack:
        node = stack.pop()
        if node == goal:
            return True
        fresh = following.get(node, set()) - seen
        seen |= fresh
        stack.extend(fresh)
    return False


def _path(came_from: dict[Node, Node], start: Node, goal: Node) -> list[Node]:
    path = [goal]
    while path[-1] != start:
        path.append(came_from[path[-1]])
    return path[::-1]


def _tasks_on(nodes: Sequence[Node]) -> list[UUID]:
    """The tasks of a path of moments, each named once in a row."""
    tasks: list[UUID] = []
    for _, task_id in nodes:
        if not tasks or tasks[-1] != task_id:
            tasks.append(task_id)
    if len(tasks) == 1 or tasks[0] != tasks[-1]:
        tasks.append(tasks[0])
    return tasks
