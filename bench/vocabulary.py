"""Some 3,000 words that titles and descriptions are made of, the same in every run."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random

SIZE = 3_000
_VERBS = ["Add", "Check", "Document", "Fix", "Handle", "Limit", "Move", "Remove", "Retry", "Test"]
_ONSETS = [*"bcdfghjklmnprstvwz", "br", "ch", "dr", "fl", "gr", "pl", "qu", "sh", "st", "th", "tr"]
_NUCLEI = [*"aeiou", "ai", "ea", "ee", "io", "oa", "ou"]
_CODAS = ["", "", "", "n", "r", "s", "t", "l", "ng", "rk", "st", "x"]


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Words, the frequent ones first: the n-th is used in proportion to 1 / (n + 8)."""

    words: Sequence[str]
    weights: Sequence[float]

    @classmethod
    def drawn(cls, rng: Random) -> "Vocabulary":
        words: dict[str, None] = {}
        while len(words) < SIZE:
            words[_word(rng)] = None
        weights = list(accumulate(1 / (place + 8) for place in range(SIZE)))
        return cls(words=list(words), weights=weights)

    def text(self, rng: Random, length: int) -> list[str]:
        return rng.choices(self.words, cum_weights=self.weights, k=length)

    def title(self, rng: Random) -> str:
        return " ".join([rng.choice(_VERBS), *self.text(rng, rng.randint(3, 8))])

    def paragraphs(self, rng: Random, length: int) -> str:
        """Sentences of Markdown, with a paragraph after every fourth."""
        words = self.text(rng, length)
        sentences = [words[start : start + 12] for start in range(0, length, 12)]
        written = [" ".join(sentence).capitalize() + "." for sentence in sentences]
        return "\n\n".join(" ".join(written[at : at + 4]) for at in range(0, len(written), 4))

    def query(self, rng: Random) -> str:
        """One or two words as people search for them: frequent and rare ones, some unfinished."""
        if rng.random() < 0.5:
            words = self.text(rng, rng.randint(1, 2))
        else:
            words = rng.choices(self.words, k=rng.randint(1, 2))
        if rng.random() < 0.3:
            words[-1] = words[-1][: max(3, len(words[-1]) - 2)]
        return " ".join(words)


def _word(rng: Random) -> str:
    syllables = [
        rng.choice(_ONSETS) + rng.choice(_NUCLEI) + rng.choice(_CODAS)
        for _ in range(rng.choice([1, 2, 2, 2, 3]))
    ]
    return "".join(syllables)
