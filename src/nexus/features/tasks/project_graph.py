"""A project as a graph for drawing: layers and the critical path: pure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from nexus.features.tasks.domain import Priority, TaskId, TaskStatus
from nexus.features.tasks.waiting import Because


@dataclass(frozen=True, kw_only=True)
class GraphNode:
    """`is_outside`: of another project, shown because an edge leads there."""

    id: TaskId
    key: str
    title: str
    status: TaskStatus
    priority: Priority
    complexity: int | None
    parent_id: TaskId | None
    is_outside: bool


@dataclass(frozen=True, kw_only=True)
class GraphEdge:
    """`task` waits for `needs`: a dependency, or a parent that waits for its subtask."""

    task: TaskId
    needs: TaskId
    kind: Because


@dataclass(frozen=True, kw_only=True)
class ProjectGraph:
    """`layers`: what can be begun first stands in the first one; a task stands after all it needs.

    `critical_path` is the longest chain of open tasks, from its beginning, by complexity (1 where
    there is none); `left_out` says how many tasks were too many.
    """

    nodes: Sequence[GraphNode]
    edges: Sequence[GraphEdge]
    layers: Sequence[Sequence[TaskId]]
    critical_path: Sequence[TaskId]
    left_out: int


def project_graph(
    nodes: Sequence[GraphNode], edges: Sequence[GraphEdge], *, left_out: int
) -> ProjectGraph:
    shown = {node.id: node for node in nodes}
    edges = [edge for edge in edges if edge.task in shown and edge.needs in shown]
    needs: defaultdict[TaskId, list[TaskId]] = defaultdict(list)
    for edge in edges:
        needs[edge.task].append(edge.needs)
    order = _needed_first([node.id for node in nodes], needs)
    layer: dict[TaskId, int] = {}
    length: dict[TaskId, int] = {}
    before: dict[TaskId, TaskId | None] = {}
    for one in order:
        node = shown[one]
        layer[one] = 1 + max((layer[other] for other in needs[one]), default=-1)
        open_needs = [other for other in needs[one] if not shown[other].status.is_finished]
        before[one] = max(open_needs, key=lambda other: length[other], default=None)
        own = 0 if node.status.is_finished else node.complexity or 1
        came = before[one]
        length[one] = own + (length[came] if came else 0)
    layers: list[list[TaskId]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for node in nodes:
        layers[layer[node.id]].append(node.id)
    return ProjectGraph(
        nodes=nodes,
        edges=edges,
        layers=layers,
        critical_path=_path(length, before, needs),
        left_out=left_out,
    )


def _needed_first(ids: Sequence[TaskId], needs: dict[TaskId, list[TaskId]]) -> list[TaskId]:
    order: list[TaskId] = []
    done: set[TaskId] = set()
    for start in ids:
        stack = [start]
        while stack:
            one = stack[-1]
            missing = [other for other in needs.get(one, ()) if other not in done]
            if one in done or not missing:
                stack.pop()
                if one not in done:
                    done.add(one)
                    order.append(one)
            else:
                stack.extend(missing)
    return order


def _path(
    length: dict[TaskId, int],
    before: dict[TaskId, TaskId | None],
    needs: dict[TaskId, list[TaskId]],
) -> list[TaskId]:
    """Back from the end of the longest chain; a chain of one task is none."""
    if not length:
        return []
    path: list[TaskId] = []
    one: TaskId | None = max(length, key=lambda task_id: length[task_id])
    while one:
        path.append(one)
        one = before[one]
    return path[::-1] if len(path) > 1 or needs.get(path[0]) else []
