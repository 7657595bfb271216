"""Orders of a list that a cursor can go on in: columns, directions, the rows after one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, UnaryExpression, and_, bindparam, or_


@dataclass(frozen=True, kw_only=True)
class OrderBy:
    """One column of an order. `attribute` names it on the domain value, `type` in the cursor.

    The column must not be NULL: databases disagree about where NULLs stand.
    """

    column: Any
    attribute: str
    type: type
    descending: bool = False

    @property
    def clause(self) -> UnaryExpression[Any]:
        return self.column.desc() if self.descending else self.column.asc()


def rows_after(order: Sequence[OrderBy], name: str = "after") -> ColumnElement[bool]:
    """True for the rows that come after the one with the values `after_0`, `after_1`, ..."""
    bounds = [bindparam(f"{name}_{n}", type_=by.column.type) for n, by in enumerate(order)]
    alternatives: list[ColumnElement[bool]] = []
    for position, (by, bound) in enumerate(zip(order, bounds, strict=True)):
        beyond = by.column < bound if by.descending else by.column > bound
        equal = [
            earlier.column == known
            for earlier, known in zip(order[:position], bounds, strict=False)
        ]
        alternatives.append(and_(*equal, beyond))
    first = order[0]
    # Redundant, but it lets the database start its index scan in the right place.
    from_here = first.column <= bounds[0] if first.descending else first.column >= bounds[0]
    return and_(from_here, or_(*alternatives))


def bounds_of(values: Sequence[Any], name: str = "after") -> dict[str, Any]:
    """The values of a cursor, as `rows_after` takes them."""
    return {f"{name}_{n}": value for n, value in enumerate(values)}
