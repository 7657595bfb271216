"""A whole workspace's graph in memory, in numbers: for imports and for checking columns: pure.

A task of 100,000 takes some 300 bytes in it. Task n has the moments 2n (gate) and 2n + 1 (finish).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from nexus.features.tasks.graph import Unlocks, acyclic, reach

NumberedNeed = tuple[int, int]


@dataclass(kw_only=True)
class WorkspaceGraph:
    """`as_of` is the number of the last event that it knows of."""

    as_of: int
    ids: list[UUID] = field(default_factory=list[UUID])
    numbers: dict[UUID, int] = field(default_factory=dict[UUID, int])
    parents: dict[int, UUID] = field(default_factory=dict[int, UUID])
    open: set[int] = field(default_factory=set[int])
    kept: dict[int, Unlocks] = field(default_factory=dict[int, Unlocks])
    dependencies: list[tuple[UUID, UUID]] = field(default_factory=list[tuple[UUID, UUID]])

    def add_task(
        self, task_id: UUID, parent_id: UUID | None, *, is_open: bool, kept: Unlocks
    ) -> None:
        """`kept` is what its columns say."""
        number = self.numbers.setdefault(task_id, len(self.ids))
        if number == len(self.ids):
            self.ids.append(task_id)
        if parent_id:
            self.parents[number] = parent_id
        if is_open:
            self.open.add(number)
        if kept.depth or kept.count:
            self.kept[number] = kept

    def add_new(self, task_id: UUID, parent_id: UUID | None) -> None:
        """A task that is not there yet."""
        self.add_task(task_id, parent_id, is_open=True, kept=Unlocks(depth=0, count=0))

    def below(self, task_ids: Iterable[UUID]) -> set[UUID]:
        """All subtasks of these, and theirs."""
        children: defaultdict[UUID, list[int]] = defaultdict(list)
        for number, parent_id in self.parents.items():
            children[parent_id].append(number)
        found: set[UUID] = set()
        stack = list(task_ids)
        while stack:
            fresh = {self.ids[number] for number in children[stack.pop()]} - found
            found |= fresh
            stack.extend(fresh)
        return found

    def knows(self, *task_ids: UUID) -> bool:
        return all(task_id in self.numbers for task_id in task_ids)

    def parents_of(self, task_ids: Iterable[UUID]) -> set[UUID]:
        numbers = (self.numbers.get(task_id) for task_id in task_ids)
        return {self.parents[number] for number in numbers if number in self.parents}

    def fitting(self, wanted: Sequence[tuple[UUID, UUID]]) -> list[bool]:
        """Which dependencies can be added one after the other without closing a cycle."""
        candidates = [[self._dependency(*pair)] for pair in wanted]
        return acyclic(self._needs(range(len(self.ids))), candidates)

    def wrong_unlocks(self) -> dict[UUID, Unlocks]:
        """The open tasks whose columns say something else than the graph, with what it says."""
        found = reach(self._needs(self.open), {2 * number + 1 for number in self.open})
        nothing = Unlocks(depth=0, count=0)
        fresh = {number: found.get(2 * number + 1, nothing) for number in self.open}
        return {
            self.ids[number]: one
            for number, one in fresh.items()
            if one != self.kept.get(number, nothing)
        }

    def _needs(self, among: Iterable[int]) -> Iterator[NumberedNeed]:
        """The needs of some tasks: see graph.py. What waits for a finished task is let go."""
        tasks = set(among)
        for number in tasks:
            yield 2 * number + 1, 2 * number
        for number, parent_id in self.parents.items():
            parent = self.numbers.get(parent_id)
            if parent is None:
                continue
            yield 2 * number, 2 * parent
            if number in tasks and parent in tasks:
                yield 2 * parent + 1, 2 * number + 1
        for task_id, depends_on_id in self.dependencies:
            pair = self._dependency(task_id, depends_on_id)
            if pair[1] // 2 in tasks:
                yield pair

    def _dependency(self, task_id: UUID, depends_on_id: UUID) -> NumberedNeed:
        return 2 * self.numbers[task_id], 2 * self.numbers[depends_on_id] + 1
