"""Board order: fractional ranks, of which there is always another one in between."""

from fractional_indexing import generate_key_between

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def rank_of_number(number: int) -> str:
    """The rank that a task is born with: later numbers stand below earlier ones.

    It is the integer part of a fractional rank (`a0`, `a1`, ... `az`, `b00`, ...), whose first
    letter says how many digits follow, so a new task needs no look at the others.
    """
    digits = 1
    while number >= len(_DIGITS) ** digits:
        number -= len(_DIGITS) ** digits
        digits += 1
    text = ""
    for _ in range(digits):
        number, digit = divmod(number, len(_DIGITS))
        text = _DIGITS[digit] + text
    return chr(ord("a") + digits - 1) + text


def rank_below(above: str, below: str | None) -> str:
    """A rank right below another one; never one that a task is born with, so no new task ties."""
    return generate_key_between(above, below or generate_key_between(above, None))


def rank_between(above: str | None, below: str | None) -> str:
    """A rank between two others; None stands for the ends of the board."""
    return generate_key_between(above, below)
