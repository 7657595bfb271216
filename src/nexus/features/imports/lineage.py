"""What the records of a file are called and what they are part of, made sound: pure."""

from collections import Counter
from collections.abc import Iterable, Mapping


class UniqueIds:
    """Hands out ids that are neither taken nor handed out: of a second 7 it makes 7#2."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._met: Counter[str] = Counter()

    def __call__(self, wanted: str) -> str:
        given = wanted
        while given in self._taken:
            self._met[wanted] += 1
            given = f"{wanted}#{self._met[wanted] + 1}"
        self._taken.add(given)
        return given


def open_circles(parents: dict[str, str], positions: Mapping[str, int]) -> set[str]:
    """Take its parent from the last member of each circle; those are returned."""
    opened: set[str] = set()
    seen: set[str] = set()
    for start in list(parents):
        path: dict[str, None] = {}
        at: str | None = start
        while at is not None and at not in path and at not in seen:
            path[at] = None
            at = parents.get(at)
        if at in path:
            members = list(path)
            last = max(members[members.index(at) :], key=positions.__getitem__)
            del parents[last]
            opened.add(last)
        seen.update(path)
    return opened


def depths_of(parents: Mapping[str, str]) -> dict[str, int]:
    """How deep each record with a parent lies; there is no circle. All others lie at 0."""
    depths: dict[str, int] = {}
    for start in parents:
        path: list[str] = []
        at = start
        while at in parents and at not in depths:
            path.append(at)
            at = parents[at]
        above = depths.get(at, 0)
        depths |= {one: above + depth for depth, one in enumerate(reversed(path), start=1)}
    return depths
