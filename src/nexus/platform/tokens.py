"""The one tokeniser: what a search finds is the same on every database."""

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")


def tokenise(text: str) -> list[str]:
    """The alphanumeric runs of a text, without accents and case."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return _WORD.findall("".join(c for c in plain if not unicodedata.combining(c)))
