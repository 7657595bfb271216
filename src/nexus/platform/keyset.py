"""Orders of a list that a cursor can go on in: columns, directions, the rows after one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, UnaryExpression, and_, literal, or_


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


def rows_after(order: Sequence[OrderBy], values: Sequence[Any]) -> ColumnElement[bool]:
    """True for the rows that come after the one with these values."""
    alternatives: list[ColumnElement[bool]] = []
    for position, (by, value) in enumerate(zip(order, values, strict=True)):
        bound = literal(value, by.column.type)
        beyond = by.column < bound if by.descending else by.column > bound
        equal = [
            earlier.column == literal(known, earlier.column.type)
            for earlier, known in zip(order[:position], values, strict=False)
        ]
        alternatives.append(and_(*equal, beyond))
    first = order[0]
    bound = literal(values[0], first.column.type)
    # Redundant, but it lets the database start its index scan in the right place.
    from_here = first.column <= bound if first.descending else first.column >= bound
    return and_(from_here, or_(*alternatives))
