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

from collections import Counter, defaultdict, deque
from collections.abc import Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

N = TypeVar("N", bound=Hashable)

_BLOCK = 1024  # bits at a time: 128 bytes a node, whatever the number of tasks


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


def acyclic(
    needs: Iterable[tuple[N, N]], candidates: Sequence[Sequence[tuple[N, N]]]
) -> list[bool]:
    """Which of the candidates can be added one after the other without closing a cycle.

    For imports: what is refused is set aside, and the rest goes in. Only candidates within a knot
    (all of whose nodes lead to each other) can close one, so only those are tried in their order.
    """
    following: defaultdict[N, list[N]] = defaultdict(list)
    for one, other in needs:
        following[one].append(other)
    alone = {one: list(others) for one, others in following.items()}
    for candidate in candidates:
        for one, other in candidate:
            following[one].append(other)
    knots = _knots(following)

    accepted: list[bool] = []
    for candidate in candidates:
        suspects = [(a, b) for a, b in candidate if a in knots and knots[a] == knots.get(b)]
        fits = not any(one == other for one, other in candidate) and not any(
            _reaches(alone, other, one, knots) for one, other in suspects
        )
        if fits:
            for one, other in candidate:
                alone.setdefault(one, []).append(other)
        accepted.append(fits)
    return accepted


def unlocks(
    task_ids: Iterable[UUID], needs: Iterable[Need], open_ids: set[UUID]
) -> dict[UUID, Unlocks]:
    """For each task, which open ones wait for its finish, and in how long a chain.

    `needs` must hold all that leads to those tasks. Gates count for nothing themselves.
    """
    found = reach(needs, {finish(task_id) for task_id in open_ids})
    nothing = Unlocks(depth=0, count=0)
    return {task_id: found.get(finish(task_id), nothing) for task_id in task_ids}


def reach(needs: Iterable[tuple[N, N]], counted: Container[N]) -> dict[N, Unlocks]:
    """For each node that others need: how many counted nodes that is, and in how long a chain.

    Linear but for the counting, which takes a block of nodes at a time, a bit for each.
    """
    waiting: defaultdict[N, list[N]] = defaultdict(list)
    for one, other in needs:
        waiting[other].append(one)
    order = _last_first(waiting)
    depths: dict[N, int] = {}
    for node in order:
        depths[node] = max(
            (depths[other] + (other in counted) for other in waiting.get(node, ())), default=0
        )
    counts: Counter[N] = Counter()
    for group in _apart(order, waiting):
        _count_into(counts, group, waiting, counted)
    return {node: Unlocks(depth=depths[node], count=counts[node]) for node in order}


def _count_into(
    counts: Counter[N], order: Sequence[N], waiting: Mapping[N, list[N]], counted: Container[N]
) -> None:
    """Add up what each node of a group leads to; `order` has every node after those behind it."""
    members = [node for node in order if node in counted]
    for start in range(0, len(members), _BLOCK):
        bits = {node: 1 << n for n, node in enumerate(members[start : start + _BLOCK])}
        reached: dict[N, int] = {}
        for node in order:
            found = 0
            for other in waiting.get(node, ()):
                found |= reached[other] | bits.get(other, 0)
            reached[node] = found
            counts[node] += found.bit_count()


def _last_first(following: Mapping[N, list[N]]) -> list[N]:
    """All nodes, each after all that it leads to. There must be no cycle."""
    order: list[N] = []
    done: set[N] = set()
    for start in following:
        stack = [(start, iter(following[start]))]
        if start in done:
            continue
        done.add(start)
        while stack:
            node, rest = stack[-1]
            for other in rest:
                if other not in done:
                    done.add(other)
                    stack.append((other, iter(following.get(other, ()))))
                    break
            else:
                order.append(node)
                stack.pop()
    return order


def _apart(order: Sequence[N], following: Mapping[N, list[N]]) -> list[list[N]]:
    """The nodes in groups that have nothing to do with each other, in the order given."""
    leader: dict[N, N] = {node: node for node in order}

    def lead(node: N) -> N:
        while leader[node] != node:
            leader[node] = leader[leader[node]]
            node = leader[node]
        return node

    for node in order:
        for other in following.get(node, ()):
            leader[lead(other)] = lead(node)
    groups: defaultdict[N, list[N]] = defaultdict(list)
    for node in order:
        groups[lead(node)].append(node)
    return list(groups.values())


def _knots(following: Mapping[N, list[N]]) -> dict[N, int]:
    """The number of the knot of each node that stands in one (Tarjan's algorithm, no recursion)."""
    number: dict[N, int] = {}
    low: dict[N, int] = {}
    path: list[N] = []
    on_path: set[N] = set()
    knots: dict[N, int] = {}
    for start in list(following):
        stack = [(start, iter(following[start]))] if start not in number else []
        while stack:
            node, rest = stack[-1]
            if node not in number:
                number[node] = low[node] = len(number)
                path.append(node)
                on_path.add(node)
            for other in rest:
                if other not in number:
                    stack.append((other, iter(following.get(other, ()))))
                    break
                if other in on_path:
                    low[node] = min(low[node], number[other])
            else:
                stack.pop()
                if stack:
                    low[stack[-1][0]] = min(low[stack[-1][0]], low[node])
                if low[node] == number[node]:
                    _close_knot(node, path, on_path, knots)
    return knots


def _close_knot(node: N, path: list[N], on_path: set[N], knots: dict[N, int]) -> None:
    start = len(path) - 1
    while path[start] != node:
        start -= 1
    members = path[start:]
    del path[start:]
    on_path.difference_update(members)
    if len(members) > 1:
        name = len(knots)  # grows with every knot, so it is a new one
        knots.update(dict.fromkeys(members, name))


def _reaches(following: Mapping[N, list[N]], start: N, goal: N, knots: Mapping[N, int]) -> bool:
    """Whether a node leads to another one of its knot; ways out of the knot never come back."""
    seen = {start}
    stack = [start]
    while stack:
        node = stack.pop()
        if node == goal:
            return True
        fresh = {n for n in following.get(node, ()) if knots.get(n) == knots[goal]} - seen
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
