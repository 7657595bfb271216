"""Large graphs: every answer comes, and on smaller ones it is what a simple reference says."""

from collections.abc import Hashable, Sequence
from graphlib import CycleError, TopologicalSorter
from random import Random
from uuid import UUID

import pytest

from nexus.features.tasks.graph import (
    Unlocks,
    acyclic,
    finish,
    needs_of_dependency,
    needs_of_parent,
    needs_of_tasks,
    reach,
    unlocks,
)

LONG, MANY = 10_000, 20_000
Pair = tuple[int, int]


def _chain(count: int) -> list[Pair]:
    return [(n + 1, n) for n in range(count - 1)]


def _random(count: int, edges: int, seed: int, *, reaching: int) -> list[Pair]:
    """Each needs some that come at most `reaching` before it."""
    chance = Random(seed)
    pairs: set[Pair] = set()
    while len(pairs) < edges:
        needed = chance.randrange(count - 1)
        pairs.add((min(count - 1, needed + chance.randint(1, reaching)), needed))
    return sorted(pairs, key=lambda _: chance.random())


def _reference(needs: Sequence[Pair], counted: set[int]) -> dict[int, Unlocks]:
    """By following everything from every node."""
    waiting: dict[int, list[int]] = {}
    for one, other in needs:
        waiting.setdefault(other, []).append(one)
    order = list(TopologicalSorter(waiting).static_order())
    depths: dict[int, int] = {}
    behind: dict[int, set[int]] = {}
    for node in order:
        further = waiting.get(node, [])
        depths[node] = max((depths[one] + (one in counted) for one in further), default=0)
        behind[node] = set().union(*(behind[one] | {one} for one in further))
    return {
        node: Unlocks(depth=depths[node], count=len(behind[node] & counted)) for node in waiting
    }


def _is_acyclic(pairs: Sequence[tuple[Hashable, Hashable]]) -> bool:
    sorter: TopologicalSorter[Hashable] = TopologicalSorter()
    for one, other in pairs:
        sorter.add(one, other)
    try:
        sorter.prepare()
    except CycleError:
        return False
    return True


def test_a_long_chain_is_counted_to_its_end() -> None:
    pairs = _chain(LONG)
    Random(1).shuffle(pairs)

    found = reach(pairs, set(range(LONG)))

    assert all(found[n] == Unlocks(depth=LONG - 1 - n, count=LONG - 1 - n) for n in range(LONG - 1))


def test_a_long_chain_of_tasks_unlocks_all_behind_each() -> None:
    tasks = [UUID(int=n + 1) for n in range(2000)]
    needs = needs_of_tasks(tasks)
    for task, on in zip(tasks[1:], tasks, strict=False):
        needs += needs_of_dependency(task, on)

    found = unlocks(tasks, needs, set(tasks[::2]))

    assert [found[one].count for one in tasks[::2]] == list(range(999, -1, -1))
    assert found[tasks[0]].depth == 999


def test_deep_subtasks_are_counted_to_the_top() -> None:
    tasks = [UUID(int=n + 1) for n in range(2000)]
    needs = needs_of_tasks(tasks)
    for child, parent in zip(tasks[1:], tasks, strict=False):
        needs += needs_of_parent(child, parent)

    found = unlocks(tasks, needs, set(tasks))

    assert [found[one].count for one in tasks] == list(range(2000))
    assert reach(needs, set(needs[0]))[finish(tasks[-1])].count == 1


@pytest.mark.parametrize("reaching", [3, 50, 20_000])
def test_a_large_graph_is_counted(reaching: int) -> None:
    pairs = _random(MANY, 30_000, 7, reaching=reaching)
    counted = set(range(0, MANY, 2))

    found = reach(pairs, counted)

    assert set(found) == {node for pair in pairs for node in pair}
    sources = {needed for _, needed in pairs}
    for node in Random(2).sample(sorted(sources), 20):
        behind = _behind(pairs, node)
        assert found[node].count == len(behind & counted)
        assert found[node].depth <= found[node].count


def _behind(pairs: Sequence[Pair], start: int) -> set[int]:
    waiting: dict[int, list[int]] = {}
    for one, other in pairs:
        waiting.setdefault(other, []).append(one)
    stack, seen = [start], set[int]()
    while stack:
        more = set(waiting.get(stack.pop(), ())) - seen
        seen |= more
        stack += more
    return seen


@pytest.mark.parametrize("seed", range(20))
def test_a_smaller_graph_is_counted_as_by_following_everything(seed: int) -> None:
    count = Random(seed).choice([5, 60, 1500])
    pairs = _random(count, count + count // 3, seed, reaching=max(3, count // 10))
    counted = set(Random(seed).sample(range(count), count // 2))

    found = reach(pairs, counted)

    expected = _reference(pairs, counted)
    assert {node: found[node] for node in expected} == expected
    assert all(found[n] == Unlocks(depth=0, count=0) for n in found.keys() - expected.keys())


def test_a_long_chain_takes_no_edge_back() -> None:
    known = _chain(LONG)
    candidates = [[(0, LONG - 1)], [(LONG - 1, 0)], [(5000, 5001)], [(5001, 4999)], [(7, 7)]]

    assert acyclic(known, candidates) == [False, True, False, True, False]
    assert acyclic([], [[pair] for pair in known]) == [True] * len(known)


def test_a_large_graph_takes_what_closes_no_cycle() -> None:
    known = _random(MANY, 30_000, 3, reaching=500)
    forward = _random(MANY, 300, 4, reaching=500)
    back = [pair[::-1] for pair in known[:50]]

    accepted = acyclic(known, [[pair] for pair in [*forward, *back]])

    assert accepted == [True] * 300 + [False] * 50
    assert _is_acyclic([*known, *forward])


@pytest.mark.parametrize("seed", range(20))
def test_dependencies_and_parents_are_tried_one_after_the_other(seed: int) -> None:
    chance = Random(seed)
    tasks = [UUID(int=n + 1) for n in range(30)]
    known = needs_of_tasks(tasks)
    pairs = [chance.sample(tasks, 2) for _ in range(60)]
    candidates = [
        chance.choice([needs_of_dependency, needs_of_dependency, needs_of_parent])(*pair)
        for pair in pairs
    ]

    accepted = acyclic(known, candidates)

    so_far, expected = list(known), list[bool]()
    for candidate in candidates:
        fits = _is_acyclic([*so_far, *candidate])
        so_far += candidate if fits else []
        expected.append(fits)
    assert accepted == expected
    assert True in expected
    assert False in expected


@pytest.mark.parametrize("seed", range(20))
def test_candidates_of_a_smaller_graph_are_tried_one_after_the_other(seed: int) -> None:
    chance = Random(seed)
    count = 40
    known = _random(count, 40, seed, reaching=10)
    candidates: list[list[Pair]] = []
    for _ in range(40):
        one, other = chance.sample(range(count), 2)
        candidates.append([(one, other)])

    accepted = acyclic(known, candidates)

    so_far, expected = list(known), list[bool]()
    for candidate in candidates:
        fits = _is_acyclic([*so_far, *candidate])
        so_far += candidate if fits else []
        expected.append(fits)
    assert accepted == expected
    assert True in expected
    assert False in expected
