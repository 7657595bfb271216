"""A project as a graph: pure against brute force, and over HTTP."""

from functools import cache
from itertools import pairwise
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.features.tasks import overview
from nexus.features.tasks.domain import Priority, TaskId, TaskStatus
from nexus.features.tasks.project_graph import GraphEdge, GraphNode, ProjectGraph, project_graph
from nexus.features.tasks.waiting import Because
from tests.cast import Cast, Person

IDS = [TaskId(UUID(int=number)) for number in range(1, 10)]
thorough = settings(max_examples=400, deadline=None, derandomize=True, database=None)


def _node(task_id: TaskId, status: TaskStatus, complexity: int | None) -> GraphNode:
    return GraphNode(
        id=task_id,
        key=f"API-{task_id.int}",
        title="",
        status=status,
        priority=Priority.NONE,
        complexity=complexity,
        parent_id=None,
        is_outside=False,
    )


def _edge(task: TaskId, needs: TaskId) -> GraphEdge:
    return GraphEdge(task=task, needs=needs, kind=Because.DEPENDENCY)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[GraphNode], list[GraphEdge]]:
    """Tasks in any order, with edges that all lead back in some other order."""
    statuses = st.sampled_from([TaskStatus.TODO, TaskStatus.TODO, TaskStatus.DONE])
    complexities = st.none() | st.integers(1, 10)
    nodes = [_node(one, draw(statuses), draw(complexities)) for one in draw(st.permutations(IDS))]
    order = draw(st.permutations(IDS))
    pairs = st.tuples(st.integers(0, 8), st.integers(0, 8)).filter(lambda pair: pair[0] < pair[1])
    edges = [_edge(order[b], order[a]) for a, b in draw(st.lists(pairs, max_size=16))]
    return nodes, edges


def _weight(node: GraphNode) -> int:
    return 0 if node.status.is_finished else node.complexity or 1


def _longest(nodes: list[GraphNode], edges: list[GraphEdge]) -> int:
    """The weight of the longest chain of open tasks."""
    shown = {node.id: node for node in nodes}

    @cache
    def up_to(one: TaskId) -> int:
        if shown[one].status.is_finished:
            return 0
        before = [up_to(edge.needs) for edge in edges if edge.task == one]
        return _weight(shown[one]) + max(before, default=0)

    return max((up_to(node.id) for node in nodes), default=0)


@thorough
@given(graphs())
def test_every_task_stands_right_after_all_that_it_needs(
    given_graph: tuple[list[GraphNode], list[GraphEdge]],
) -> None:
    nodes, edges = given_graph

    graph = project_graph(nodes, edges, left_out=3)

    layer = {one: number for number, ids in enumerate(graph.layers) for one in ids}
    assert sorted(layer) == sorted(IDS)
    assert sum(map(len, graph.layers)) == len(IDS)
    assert all(graph.layers)
    for node in nodes:
        needed = [layer[edge.needs] for edge in edges if edge.task == node.id]
        assert layer[node.id] == max(needed, default=-1) + 1
    assert graph.left_out == 3
    assert list(graph.edges) == edges


@thorough
@given(graphs())
def test_the_critical_path_is_a_longest_chain_of_open_tasks(
    given_graph: tuple[list[GraphNode], list[GraphEdge]],
) -> None:
    nodes, edges = given_graph
    shown = {node.id: node for node in nodes}

    path = project_graph(nodes, edges, left_out=0).critical_path

    pairs = {(edge.needs, edge.task) for edge in edges}
    assert all(pair in pairs for pair in pairwise(path))
    assert not any(shown[one].status.is_finished for one in path)
    if path:
        assert sum(_weight(shown[one]) for one in path) == _longest(nodes, edges)
    open_pairs = [pair for pair in pairs if not any(shown[one].status.is_finished for one in pair)]
    lone = max((_weight(node) for node in nodes), default=0)
    assert path or not open_pairs or _longest(nodes, edges) == lone


def test_edges_to_what_is_not_shown_are_left_away() -> None:
    nodes = [_node(IDS[0], TaskStatus.TODO, None)]

    graph = project_graph(nodes, [_edge(IDS[0], IDS[1]), _edge(IDS[2], IDS[0])], left_out=0)

    assert graph == ProjectGraph(
        nodes=nodes, edges=[], layers=[[IDS[0]]], critical_path=[], left_out=0
    )


def test_a_long_chain_and_many_tasks_are_laid_out() -> None:
    ids = [TaskId(UUID(int=number)) for number in range(1, 2001)]
    Random(1).shuffle(ids)
    edges = [_edge(task, needs) for needs, task in pairwise(ids)]
    edges += [_edge(ids[b], ids[a]) for a in range(0, 2000, 40) for b in range(a + 1, 2000, 7)]
    nodes = [_node(one, TaskStatus.TODO, None) for one in sorted(ids)]

    graph = project_graph(nodes, edges, left_out=0)

    assert [list(layer) for layer in graph.layers] == [[one] for one in ids]
    assert list(graph.critical_path) == ids


async def _graph(person: Person, project: str = "API", **params: Any) -> Any:
    return await person.get(f"/projects/{project}/graph", **params)


async def _depend(person: Person, task: str, on: str) -> None:
    await person.post(f"/tasks/{task}/dependencies", {"depends_on": on})


async def test_a_project_is_drawn_with_layers_and_a_path(ada: Person) -> None:
    await ada.a_project()
    for n, complexity in enumerate([1, 5, 1, 1, None, 10], start=1):
        await ada.a_task(title=f"Task {n}", complexity_manual=complexity)
    for task, on in (("API-3", "API-1"), ("API-3", "API-2"), ("API-4", "API-3")):
        await _depend(ada, task, on)
    await ada.patch("/tasks/API-4", {"parent": "API-5"})

    graph = await _graph(ada, "api")

    assert graph["project"] == "API"
    assert graph["layers"] == [["API-1", "API-2", "API-6"], ["API-3"], ["API-4"], ["API-5"]]
    assert graph["critical_path"] in (
        ["API-2", "API-3", "API-4", "API-5"], ["API-6"], [],
    )  # fmt: skip
    assert [(one["task"], one["needs"], one["kind"]) for one in graph["edges"]] == [
        ("API-3", "API-1", "dependency"),
        ("API-3", "API-2", "dependency"),
        ("API-4", "API-3", "dependency"),
        ("API-5", "API-4", "subtask"),
    ]
    layers = {one["key"]: one["layer"] for one in graph["nodes"]}
    assert layers == {key: n for n, keys in enumerate(graph["layers"]) for key in keys}
    critical = [one["key"] for one in graph["nodes"] if one["is_critical"]]
    assert sorted(graph["critical_path"]) == critical
    assert graph["left_out"] == 0


async def test_finished_tasks_are_shown_when_asked_for(ada: Person) -> None:
    await ada.a_project()
    for _ in range(4):
        await ada.a_task()
    await _depend(ada, "API-2", "API-1")
    await _depend(ada, "API-3", "API-2")
    await ada.finish("API-1")
    await ada.finish("API-4")
    await ada.patch("/tasks/API-4", {"archived": True})

    open_only, whole = await _graph(ada), await _graph(ada, finished=True)

    assert open_only["layers"] == [["API-2"], ["API-3"]]
    assert whole["layers"] == [["API-1"], ["API-2"], ["API-3"]]
    assert open_only["critical_path"] == whole["critical_path"] == ["API-2", "API-3"]
    assert len(whole["edges"]) == 2


async def test_tasks_of_other_projects_stand_outside_unless_they_are_hidden(cast: Cast) -> None:
    await cast.ada.a_project("API")
    await cast.ada.a_project("WEB")
    await cast.ada.a_project("PRIV", visibility="private")
    for project in ("API", "API", "WEB", "WEB", "PRIV"):
        await cast.ada.a_task(project)
    await _depend(cast.ada, "API-1", "WEB-1")
    await _depend(cast.ada, "API-2", "PRIV-1")
    await _depend(cast.ada, "WEB-2", "API-1")

    whole, hidden = await _graph(cast.ada), await _graph(cast.grace)

    outside = [one["key"] for one in whole["nodes"] if one["is_outside"]]
    assert outside == ["PRIV-1", "WEB-1"]
    assert whole["layers"] == [["PRIV-1", "WEB-1"], ["API-1", "API-2"]]
    assert [one["key"] for one in hidden["nodes"]] == ["API-1", "API-2", "WEB-1"]
    assert hidden["layers"] == [["API-2", "WEB-1"], ["API-1"]]
    assert "PRIV" not in str(hidden)
    assert (await cast.grace.call("GET", "/projects/PRIV/graph")).status_code == 404
    assert (await cast.bob.call("GET", "/projects/API/graph")).status_code == 404


async def test_an_empty_project_is_an_empty_graph_and_none_is_none(cast: Cast) -> None:
    await cast.ada.a_project()

    graph = await _graph(cast.vic)
    unknown = await cast.ada.call("GET", "/projects/NONE/graph")

    assert graph == {
        "project": "API", "nodes": [], "edges": [], "layers": [], "critical_path": [],
        "left_out": 0,
    }  # fmt: skip
    assert (unknown.status_code, unknown.json()["code"]) == (404, "project.not_found")


async def test_where_tasks_are_too_many_the_most_urgent_are_shown(
    ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "MAX_NODES", 3)
    await ada.a_project()
    for priority in ("low", "critical", "none", "high", "none"):
        await ada.a_task(priority=priority)
    await _depend(ada, "API-2", "API-5")

    graph = await _graph(ada)

    inside = [one["key"] for one in graph["nodes"] if not one["is_outside"]]
    assert inside == ["API-1", "API-2", "API-4"]
    assert graph["left_out"] == 2
