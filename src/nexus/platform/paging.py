"""Pages of a list and the cursors between them."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar, cast

import msgspec

from nexus.platform.errors import Invalid
from nexus.platform.instants import in_utc

T = TypeVar("T")
V = TypeVar("V")


class CursorNotUnderstood(Invalid):
    code = "cursor.not_understood"
    message = (
        "This cursor does not belong to this list in this order. "
        "Take next_cursor from the answer before, or leave it out to start at the beginning."
    )


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """Some of a list, and where to go on; `next_cursor` is None at the end."""

    items: Sequence[T]
    next_cursor: str | None

    def of(self, make: Callable[[T], V]) -> "Page[V]":
        return Page(items=[make(item) for item in self.items], next_cursor=self.next_cursor)


def page_of(
    items: Sequence[T], limit: int, order: str, key: Callable[[T], Sequence[Any]]
) -> Page[T]:
    """A page from one item more than it holds, which says whether there is a next one.

    `key` gives the values that the list is ordered by, for the cursor.
    """
    if len(items) <= limit:
        return Page(items=items, next_cursor=None)
    return Page(items=items[:limit], next_cursor=write_cursor(order, key(items[limit - 1])))


def _can_be_asked_for(value: object) -> bool:
    """Whether both databases can compare with it; a cursor may have been tampered with."""
    match value:
        case str():
            return "\x00" not in value
        case int():
            return -(2**31) <= value < 2**31
        case datetime():
            in_utc(value)  # or a ValueError
            return True
        case _:
            return True


def write_cursor(order: str, values: Sequence[Any]) -> str:
    packed = msgspec.json.encode([order, *values])
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def read_cursor(order: str, cursor: str, shape: type[T]) -> T:
    """The values in a cursor of the list `order`; `shape` is a tuple type. Raises if tampered."""
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        named, *values = msgspec.json.decode(packed, type=list[Any])
        converted = msgspec.convert(tuple(values), shape)
        if named == order and all(
            _can_be_asked_for(value) for value in cast(tuple[object, ...], converted)
        ):
            return converted
    except (ValueError, binascii.Error, RecursionError):
        pass
    raise CursorNotUnderstood
