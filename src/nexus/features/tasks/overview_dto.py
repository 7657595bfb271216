"""Lists of tasks, reasons and graphs on the wire."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from nexus.features.tasks.domain import TaskStatus, TaskSummary
from nexus.features.tasks.dto import AssigneeOut, PriorityWord, TaskBriefOut
from nexus.features.tasks.explaining import Explanation
from nexus.features.tasks.highlights import Highlight
from nexus.features.tasks.project_graph import ProjectGraph
from nexus.features.tasks.waiting import Because, Waiting, Why


class HighlightOut(Struct, frozen=True):
    """A piece of a text in which the search found its words.

    `ranges` are the [start, end] in it, counted in Unicode characters.
    """

    field: Literal["key", "title", "description", "details", "test_strategy", "comments"]
    text: str
    ranges: list[tuple[int, int]]

    @classmethod
    def of(cls, found: Highlight) -> "HighlightOut":
        return cls(field=found.field, text=found.text, ranges=list(found.ranges))  # pyright: ignore[reportArgumentType]


class ExplanationOut(Struct, frozen=True):
    """What the order of ready tasks goes by, the first number first, and the reason in words."""

    priority: PriorityWord
    unlock_depth: int
    unlock_count: int
    created_at: datetime
    reason: str

    @classmethod
    def of(cls, why: Explanation) -> "ExplanationOut":
        return cls(
            priority=why.priority.word,  # pyright: ignore[reportArgumentType]
            unlock_depth=why.unlock_depth,
            unlock_count=why.unlock_count,
            created_at=why.created_at,
            reason=why.reason,
        )


class TaskSummaryOut(Struct, frozen=True):
    """A task as lists show it: without its long texts. `complexity` is the manual one if set.

    `highlights` come with a search, `explanation` with `explain=true`.
    """

    id: UUID
    key: str
    project: str
    title: str
    status: TaskStatus
    priority: PriorityWord
    complexity: int | None
    labels: list[str]
    assignees: list[AssigneeOut]
    parent: TaskBriefOut | None
    dependencies: list[TaskBriefOut]
    open_dependencies: int
    open_subtasks: int
    unlock_depth: int
    unlock_count: int
    due_on: date | None
    rank: str
    version: int
    created_at: datetime
    updated_at: datetime
    highlights: list[HighlightOut]
    explanation: ExplanationOut | None

    @classmethod
    def of(cls, task: TaskSummary, why: Explanation | None = None) -> "TaskSummaryOut":
        return cls(
            id=task.id,
            key=task.key,
            project=task.project_key,
            title=task.title,
            status=task.status,
            priority=task.priority.word,  # pyright: ignore[reportArgumentType]
            complexity=task.complexity,
            labels=list(task.labels),
            assignees=[AssigneeOut.of(one) for one in task.assignees],
            parent=TaskBriefOut.of(task.parent) if task.parent else None,
            dependencies=[TaskBriefOut.of(one) for one in task.dependencies],
            open_dependencies=task.open_dependencies,
            open_subtasks=task.open_subtasks,
            unlock_depth=task.unlock_depth,
            unlock_count=task.unlock_count,
            due_on=task.due_on,
            rank=task.rank,
            version=task.version,
            created_at=task.created_at,
            updated_at=task.updated_at,
            highlights=[HighlightOut.of(found) for found in task.highlights],
            explanation=ExplanationOut.of(why) if why else None,
        )


class TaskPage(Struct, frozen=True):
    items: list[TaskSummaryOut]
    next_cursor: str | None


class WaitingOut(Struct, frozen=True):
    """A task on the way down to the root. `task` is null where you may not see it.

    `via` is the task that waits for it, `distance` how many steps it is away. A root waits for
    nothing itself.
    """

    task: TaskBriefOut | None
    because: Because
    via: TaskBriefOut | None
    distance: int
    is_root: bool

    @classmethod
    def of(cls, step: Waiting) -> "WaitingOut":
        return cls(
            task=TaskBriefOut.of(step.task) if step.task else None,
            because=step.because,
            via=TaskBriefOut.of(step.via) if step.via else None,
            distance=step.distance,
            is_root=step.is_root,
        )


class WhyOut(Struct, frozen=True):
    """`reasons` say in words why you cannot begin the task now; they are empty if you can."""

    task: TaskBriefOut
    is_ready: bool
    reasons: list[str]
    waits_for: list[WaitingOut]
    unlocks: list[WaitingOut]
    unlock_depth: int
    unlock_count: int

    @classmethod
    def of(cls, why: Why) -> "WhyOut":
        return cls(
            task=TaskBriefOut.of(why.task.brief()),
            is_ready=why.is_ready,
            reasons=list(why.reasons),
            waits_for=[WaitingOut.of(step) for step in why.waits_for],
            unlocks=[WaitingOut.of(step) for step in why.unlocks],
            unlock_depth=why.task.unlock_depth,
            unlock_count=why.task.unlock_count,
        )


class GraphNodeOut(Struct, frozen=True):
    """`layer`: what can be begun first stands in layer 0. `is_outside`: of another project."""

    id: UUID
    key: str
    title: str
    status: TaskStatus
    priority: PriorityWord
    complexity: int | None
    layer: int
    is_critical: bool
    is_outside: bool


class GraphEdgeOut(Struct, frozen=True):
    """`task` waits for `needs`, both by key."""

    task: str
    needs: str
    kind: Because


class ProjectGraphOut(Struct, frozen=True):
    """`critical_path`: the longest chain of open tasks from its beginning, by complexity.

    `layers` and `critical_path` hold keys. `left_out` tasks were too many to show.
    """

    project: str
    nodes: list[GraphNodeOut]
    edges: list[GraphEdgeOut]
    layers: list[list[str]]
    critical_path: list[str]
    left_out: int

    @classmethod
    def of(cls, project: str, graph: ProjectGraph) -> "ProjectGraphOut":
        keys = {node.id: node.key for node in graph.nodes}
        layer = {one: number for number, ids in enumerate(graph.layers) for one in ids}
        critical = set(graph.critical_path)
        return cls(
            project=project,
            nodes=[
                GraphNodeOut(
                    id=node.id,
                    key=node.key,
                    title=node.title,
                    status=node.status,
                    priority=node.priority.word,  # pyright: ignore[reportArgumentType]
                    complexity=node.complexity,
                    layer=layer[node.id],
                    is_critical=node.id in critical,
                    is_outside=node.is_outside,
                )
                for node in graph.nodes
            ],
            edges=[
                GraphEdgeOut(task=keys[edge.task], needs=keys[edge.needs], kind=edge.kind)
                for edge in graph.edges
            ],
            layers=[[keys[one] for one in ids] for ids in graph.layers],
            critical_path=[keys[one] for one in graph.critical_path],
            left_out=graph.left_out,
        )
