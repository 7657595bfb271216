"""Where in a task's texts a search has found its words: pure."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from nexus.platform.tokens import starting_with, tokenise

MAX_HIGHLIGHTS = 3
WIDTH, BEFORE = 160, 40
_FOREIGN_KEPT = 20_000


@dataclass(frozen=True, kw_only=True)
class Highlight:
    """A piece of a text; `ranges` are the (start, end) in it that were found, in characters."""

    field: str
    text: str
    ranges: tuple[tuple[int, int], ...]


def highlights(texts: Sequence[tuple[str, str]], words: Sequence[str]) -> tuple[Highlight, ...]:
    """A piece of each text in which one of the words begins a word, of three texts at most."""
    if not words:
        return ()
    found: list[Highlight] = []
    pattern = starting_with(words)
    for field, prose in texts:
        if piece := _piece(field, prose, words, pattern):
            found.append(piece)
        if len(found) == MAX_HIGHLIGHTS:
            break
    return tuple(found)


def _piece(
    field: str, prose: str, words: Sequence[str], pattern: re.Pattern[str]
) -> Highlight | None:
    found = _found(prose, words, pattern)
    first = next(found, None)
    if first is None:
        return None
    start = max(0, first[0] - BEFORE)
    if start:  # begin with a whole word
        start = prose.find(" ", start, first[0]) + 1 or start
    end = start + WIDTH
    further = takewhile(lambda place: place[0] < end, found)
    ranges = tuple((a - start, min(b, end) - start) for a, b in [first, *further])
    return Highlight(field=field, text=prose[start:end], ranges=ranges)


def _found(prose: str, words: Sequence[str], pattern: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    if prose.isascii():
        yield from (match.span() for match in pattern.finditer(prose))
        return
    for start, end in _runs(prose[:_FOREIGN_KEPT]):
        if any(token.startswith(word) for token in tokenise(prose[start:end]) for word in words):
            yield start, end


def _runs(prose: str) -> Iterator[tuple[int, int]]:
    """Letters and digits with the marks on them, as the tokeniser takes them together."""
    start: int | None = None
    for place, character in enumerate(prose):
        belongs = character.isalnum() or unicodedata.category(character).startswith("M")
        if belongs and start is None:
            start = place
        elif not belongs and start is not None:
            yield start, place
            start = None
    if start is not None:
        yield start, len(prose)
