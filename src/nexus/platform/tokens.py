"""The one tokeniser: what a search finds is the same on every database."""

import re
import unicodedata
from collections.abc import Iterable

MAX_TOKEN = 64

_WORD = re.compile(r"[^\W_]+")


def tokenise(text: str) -> list[str]:
    """The alphanumeric runs of a text, without accents and case, cut to 64 characters."""
    if text.isascii():
        return [word[:MAX_TOKEN] for word in _WORD.findall(text.lower())]
    plain = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(c for c in plain if not unicodedata.combining(c))
    return [word[:MAX_TOKEN] for word in _WORD.findall(bare)]


def starting_with(words: Iterable[str]) -> re.Pattern[str]:
    """Finds, in text without accents, the runs that begin with one of these tokens."""
    alternatives = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<![^\W_])(?:{alternatives})[^\W_]*", re.IGNORECASE)
