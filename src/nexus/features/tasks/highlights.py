"""Where in a task's texts a search has found its words: pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nexus.platform.tokens import starting_with, tokenise

MAX_HIGHLIGHTS = 3
WIDTH, BEFORE = 160, 40
_FOREIGN_KEPT = 20_000
_RUN = re.compile(r"[^\W_\u0300-\u036f][^\W_\u0300-\u036f]*(?:[\u0300-\u036f]+[^\W_]*)*")


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
    first = next(_found(prose, words, pattern), None)
    if first is None:
        return None
    start = max(0, first[0] - BEFORE)
    if start:  # begin with a whole word
        start = prose.find(" ", start, first[0]) + 1 or start
    piece = prose[start : start + WIDTH]
    ranges = tuple(_found(piece, words, pattern))
    return Highlight(field=field, text=piece, ranges=ranges)


def _found(prose: str, words: Sequence[str], pattern: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    if prose.isascii():
        yield from (match.span() for match in pattern.finditer(prose))
        return
    for match in _RUN.finditer(prose[:_FOREIGN_KEPT]):
        if any(token.startswith(word) for token in tokenise(match[0]) for word in words):
            yield match.span()
