"""Field types at the edge: what both databases can hold, said in the schema."""

import re
from typing import Annotated

from msgspec import Meta

Text = Annotated[str, Meta(pattern="^[^\\x00]*$", max_length=100_000)]
"""Free text without NUL, which PostgreSQL cannot store."""

NO_NUL = "^[^\\x00]*$"

Line = Annotated[
    str,
    Meta(
        pattern="^[^\\x00-\\x1f\\x7f]*[^\\s\\x00-\\x1f\\x7f][^\\x00-\\x1f\\x7f]*$", max_length=500
    ),
]
"""One line with something to read on it."""

Name = Annotated[
    str,
    Meta(
        pattern="^[^\\x00-\\x1f\\x7f]*[^\\s\\x00-\\x1f\\x7f][^\\x00-\\x1f\\x7f]*$", max_length=100
    ),
]

Email = Annotated[
    str,
    Meta(
        pattern="^[^@\\s\\x00-\\x1f\\x7f]+@[^@\\s\\x00-\\x1f\\x7f]+\\.[^@\\s\\x00-\\x1f\\x7f]+$",
        max_length=254,
    ),
]

Password = Annotated[str, Meta(min_length=10, max_length=1000, pattern="^[^\\x00]*$")]

Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]

ProjectKey = Annotated[
    str,
    Meta(
        pattern="^[A-Z][A-Z0-9]{1,9}$",
        description="2 to 10 upper-case letters and digits, beginning with a letter.",
        examples=["API"],
    ),
]

_SPACES = re.compile(r"\s+")


def tidy(line: str) -> str:
    """A line without surrounding or doubled spaces."""
    return _SPACES.sub(" ", line).strip()


def folded(name: str) -> str:
    """The form in which two names count as the same, on every database alike."""
    return tidy(name).casefold()
