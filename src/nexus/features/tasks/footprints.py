"""Which paths a task is about, and whether two tasks could touch the same file: pure."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from nexus.features.tasks.errors import FootprintNotUsable

MAX_LEARNED = 200

_ANY = "**"
_FILE = re.compile(r"[^.*?]\.[A-Za-z][A-Za-z0-9]{0,9}$")
"""A last segment that is a file's name and not a folder's: `tasks.py`, not `.github` or `v1.2`."""


def checked(globs: Sequence[str]) -> tuple[str, ...]:
    """Patterns as they are kept: relative, with forward slashes, each once, in order.

    Raises FootprintNotUsable.
    """
    return tuple(sorted({_checked(glob) for glob in globs}))


def overlapping(one: Sequence[str], other: Sequence[str]) -> tuple[str, str] | None:
    """The first pair of patterns that some path could match both of; None if there is none."""
    for glob in one:
        for against in other:
            if _can_meet(glob, against):
                return glob, against
    return None


def _checked(glob: str) -> str:
    tidied = glob.strip().replace("\\", "/")
    if not tidied:
        raise FootprintNotUsable(given=glob[:60], why="it is empty", field="footprint")
    parts = tidied.split("/")
    if tidied.startswith("/") or ".." in parts:
        raise FootprintNotUsable(
            given=glob[:60], why="it must lead down from the repository's root", field="footprint"
        )
    kept = [part for part in parts if part not in {"", "."}]
    if parts[-1] in {"", "."} and (not kept or _FILE.search(kept[-1])):
        kept.append(_ANY)  # `src/app.d/` is a folder, whatever its name looks like
    return "/".join(kept)


@lru_cache(maxsize=20_000)
def _can_meet(one: str, other: str) -> bool:
    """A pattern that names a folder stands for all below it, as in `src/api` or `.github`."""
    return _segments_meet(_segments(one), _segments(other))


def _segments(glob: str) -> tuple[str, ...]:
    parts = tuple(glob.split("/"))
    last = parts[-1]
    return parts if "*" in last or _FILE.search(last) else (*parts, _ANY)


def _segments_meet(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two lists of segments can match one path; `**` is any number of segments."""
    return _can_be_walked(one, other, _ANY, _names_meet)


def _names_meet(one: str, other: str) -> bool:
    """Whether two segments can match one name; `*` is any text, `?` any character."""
    return _can_be_walked(one, other, "*", lambda a, b: a == b or "?" in (a, b))


def _can_be_walked(
    one: Sequence[str], other: Sequence[str], wild: str, fits: Callable[[str, str], bool]
) -> bool:
    """Whether both can be walked to their ends side by side; `wild` stands for any number."""
    reached = {(0, 0)}
    stack = [(0, 0)]
    while stack:
        i, j = stack.pop()
        if i == len(one) and j == len(other):
            return True
        steps: list[tuple[int, int]] = []
        if i < len(one) and one[i] == wild:
            steps += [(i + 1, j)] + ([(i, j + 1)] if j < len(other) else [])
        if j < len(other) and other[j] == wild:
            steps += [(i, j + 1)] + ([(i + 1, j)] if i < len(one) else [])
        if i < len(one) and j < len(other) and fits(one[i], other[j]):
            steps.append((i + 1, j + 1))
        for step in steps:
            if step not in reached:
                reached.add(step)
                stack.append(step)
    return False
