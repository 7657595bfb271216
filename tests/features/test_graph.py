"""The rule of cycles, what a finish unlocks and the ranks of the board, against brute force."""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from random import Random
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.features.tasks.graph import (
    Moment,
    Need,
    Node,
    Unlocks,
    acyclic,
    find_cycle,
    finish,
    gate,
    needs_of_dependency,
    needs_of_parent,
    needs_of_tasks,
    unlocks,
)
from nexus.features.tasks.ranks import rank_below, rank_between, rank_of_number

TASKS = [UUID(int=number) for number in range(1, 8)]
a_task = st.sampled_from(TASKS)
dependencies = st.tuples(a_task, a_task).map(lambda pair: needs_of_dependency(*pair))
parents = st.tuples(a_task, a_task).map(lambda pair: needs_of_parent(*pair))
edges = st.lists(st.one_of(dependencies, dependencies, parents), max_size=14)
numbers = st.integers(min_value=1, max_value=999_999_999)

thorough = settings(max_examples=300, deadline=None, derandomize=True, database=None)


@thorough
@given(edges)
def test_a_cycle_is_found_exactly_where_a_topological_sort_finds_one(
    wanted: list[list[Need]],
) -> None:
    known = needs_of_tasks(TASKS)

    for edge in wanted:
        found = any(find_cycle(known, need) for need in edge)

        assert found == (not _is_acyclic([*known, *edge]))
        if not found:
            known += edge


@thorough
@given(edges)
def test_the_cycle_that_is_named_is_one_that_can_be_walked(wanted: list[list[Need]]) -> None:
    known = needs_of_tasks(TASKS)

    for edge in wanted:
        cycles = [cycle for need in edge if (cycle := find_cycle(known, need))]

        for cycle in cycles:
            assert len(cycle) >= 2
            assert cycle[0] == cycle[-1]
            assert _can_be_walked(cycle, [*known, *edge])
        if not cycles:
            known += edge


@thorough
@given(a_task, st.lists(a_task, min_size=1, max_size=4, unique=True))
def test_no_task_may_depend_on_its_own_ancestor_or_descendant(
    other: UUID, line: list[UUID]
) -> None:
    family = [*line, *([other] if other not in line else [])]
    known = needs_of_tasks(TASKS)
    for child, parent in pairwise(family):
        known += needs_of_parent(child, parent)

    refused = [
        find_cycle(known, need)
        for one in family
        for another in family
        for need in needs_of_dependency(one, another)
    ]

    assert all(refused)


def test_a_subtask_may_wait_for_its_sibling() -> None:
    first, second, parent, *_ = TASKS
    known = [
        *needs_of_tasks(TASKS),
        *needs_of_parent(first, parent),
        *needs_of_parent(second, parent),
    ]

    [forth] = needs_of_dependency(second, first)
    [back] = needs_of_dependency(first, second)

    assert find_cycle(known, forth) is None
    assert find_cycle([*known, forth], back) == [first, second, first]


def test_a_cycle_through_a_parent_is_found_across_the_family() -> None:
    parent, child, other, *_ = TASKS
    known = [
        *needs_of_tasks(TASKS),
        *needs_of_parent(child, parent),
        *needs_of_dependency(other, parent),
    ]

    [need] = needs_of_dependency(child, other)

    assert find_cycle(known, need) == [child, other, parent, child]


@thorough
@given(edges, edges)
def test_what_is_taken_in_never_holds_a_cycle_and_what_is_refused_would_close_one(
    before: list[list[Need]], candidates: list[list[Need]]
) -> None:
    known = needs_of_tasks(TASKS)
    for edge in before:
        known += edge if _is_acyclic([*known, *edge]) else []

    accepted = acyclic(known, candidates)

    assert len(accepted) == len(candidates)
    for candidate, is_accepted in zip(candidates, accepted, strict=True):
        assert is_accepted == _is_acyclic([*known, *candidate])
        known += candidate if is_accepted else []
    assert _is_acyclic(known)


@thorough
@given(st.permutations(TASKS), st.lists(st.tuples(a_task, a_task), max_size=20), st.randoms())
def test_everything_is_taken_in_where_there_is_an_order_to_work_in(
    order: Sequence[UUID], pairs: list[tuple[UUID, UUID]], random: Random
) -> None:
    place = {task: position for position, task in enumerate(order)}
    candidates = [
        needs_of_dependency(max(pair, key=place.__getitem__), min(pair, key=place.__getitem__))
        for pair in pairs
        if pair[0] != pair[1]
    ]
    random.shuffle(candidates)

    accepted = acyclic(needs_of_tasks(TASKS), candidates)

    assert accepted == [True] * len(candidates)


@thorough
@given(edges, st.sets(a_task))
def test_what_a_finish_unlocks_is_what_brute_force_counts(
    wanted: list[list[Need]], open_ids: set[UUID]
) -> None:
    known = needs_of_tasks(TASKS)
    for edge in wanted:
        known += edge if _is_acyclic([*known, *edge]) else []

    found = unlocks(TASKS, known, open_ids)

    assert found == {
        task: Unlocks(
            depth=_longest_chain(finish(task), known, open_ids),
            count=len((_all_waiting(finish(task), known) & open_ids) - {task}),
        )
        for task in TASKS
    }


def test_a_long_chain_is_measured_without_a_limit() -> None:
    line = [UUID(int=number) for number in range(1, 5001)]
    needs = needs_of_tasks(line)
    for task, other in zip(line[1:], line, strict=False):
        needs += needs_of_dependency(task, other)

    found = unlocks([line[0]], needs, set(line))
    [back] = needs_of_dependency(line[0], line[-1])

    assert found[line[0]] == Unlocks(depth=4999, count=4999)
    assert len(find_cycle(needs, back) or []) == 5001


@thorough
@given(numbers, numbers)
def test_ranks_rise_with_the_number(one: int, other: int) -> None:
    lower, higher = min(one, other), max(one, other)

    assert (rank_of_number(lower) < rank_of_number(higher)) == (lower < higher)


def test_ranks_rise_where_they_become_longer() -> None:
    turns = [61, 62, 63, 62 + 62**2 - 1, 62 + 62**2, 62 + 62**2 + 1]

    ranks = [rank_of_number(number) for number in turns]

    assert ranks == sorted(set(ranks))


@thorough
@given(numbers, numbers)
def test_there_is_a_rank_between_any_two(one: int, other: int) -> None:
    low, high = rank_of_number(min(one, other)), rank_of_number(max(one, other) + 1)

    between = rank_between(low, high)

    assert low < between < high
    assert rank_between(None, low) < low
    assert high < rank_between(high, None)


@thorough
@given(numbers)
def test_what_goes_below_the_last_task_stays_above_the_next_new_one(number: int) -> None:
    last, born_next = rank_of_number(number), rank_of_number(number + 1)

    below = rank_below(last, None)
    further = rank_below(below, None)

    assert last < below < further < born_next


@settings(thorough, max_examples=30)
@given(numbers, st.lists(st.booleans(), min_size=50, max_size=150))
def test_there_is_room_for_ever_in_one_place(number: int, sides: list[bool]) -> None:
    above, below = rank_of_number(number), rank_of_number(number + 1)

    for goes_up in sides:
        middle = rank_between(above, below)
        assert above < middle < below
        above, below = (above, middle) if goes_up else (middle, below)


def test_a_thousand_tasks_put_in_one_place_keep_short_ranks() -> None:
    above, below = rank_of_number(1), rank_of_number(2)
    ranks: list[str] = []

    for _ in range(1000):
        below = rank_between(above, below)
        ranks.append(below)

    assert ranks == sorted(set(ranks), reverse=True)
    assert max(len(rank) for rank in ranks) < 250


def _is_acyclic(needs: Sequence[Need]) -> bool:
    sorter: TopologicalSorter[Node] = TopologicalSorter()
    for one, other in needs:
        if one == other:
            return False
        sorter.add(one, other)
    try:
        sorter.prepare()
    except CycleError:
        return False
    return True


def _can_be_walked(cycle: list[UUID], needs: Sequence[Need]) -> bool:
    """Whether some walk over the moments passes these tasks in this order and comes back."""
    return any(
        _walk_returns(start, cycle[1:], needs) for start in (gate(cycle[0]), finish(cycle[0]))
    )


def _walk_returns(start: Node, tasks: list[UUID], needs: Sequence[Need]) -> bool:
    here = {start} | {other for one, other in needs if one == start and other[1] == start[1]}
    for task in tasks:
        steps = {other for one, other in needs if one in here and other[1] == task}
        inside = {other for one, other in needs if one in steps and other[1] == task}
        here = steps | inside
    return start in here


def _waiting(node: Node, needs: Sequence[Need]) -> list[Node]:
    return [one for one, other in needs if other == node]


def _all_waiting(node: Node, needs: Sequence[Need]) -> set[UUID]:
    reached: set[Node] = {node}
    while True:
        more = {one for one, other in needs if other in reached} - reached
        if not more:
            return {task for _, task in reached}
        reached |= more


def _longest_chain(node: Node, needs: Sequence[Need], open_ids: set[UUID]) -> int:
    """The most finishes of open tasks on any walk from here to what waits for it."""
    return max(
        (
            _longest_chain(one, needs, open_ids) + (one[0] is Moment.FINISH and one[1] in open_ids)
            for one in set(_waiting(node, needs))
        ),
        default=0,
    )
