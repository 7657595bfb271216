"""Conditions on values in `custom`, as SQL that both databases read alike."""

import math
from typing import Any

from sqlalchemy import (
    Float,
    Numeric,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    text,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import JSONB

from nexus.features.tasks.selection import Comparison, CustomCondition
from nexus.features.tasks.tables import TaskRow
from nexus.platform.columns import ExactText


def custom_condition(which: CustomCondition, dialect: str) -> Any:
    """Values of another type than the one asked for do not match; null counts as not there."""
    kind, value = _typed(which.key, dialect)
    is_there = func.coalesce(kind, "null") != "null"
    if which.comparison is None:
        return is_there
    number = _number(which.value)
    matches = and_(kind == "text", _compare(cast(value, ExactText), which.comparison, which.value))
    if number is not None:
        # CASE, because a database may evaluate the cast before it looks at the type.
        as_number = case((kind == "number", _as_float(value, dialect)), else_=None)
        matches = or_(matches, _compare(as_number, which.comparison, literal(number, Float())))
    if which.value.lower() in {"true", "false"}:
        is_true = _compare(cast(value, Text), which.comparison, which.value.lower())
        matches = or_(matches, and_(kind == "boolean", is_true))
    if which.comparison is Comparison.UNEQUAL:
        equal = CustomCondition(key=which.key, comparison=Comparison.EQUAL, value=which.value)
        return and_(
            is_there, ~func.coalesce(custom_condition(equal, dialect), literal(value=False))
        )
    return matches


def _typed(key: str, dialect: str) -> tuple[Any, Any]:
    """The type of a value (text, number, boolean, null, array, object) and the value as text."""
    if dialect == "postgresql":
        value = type_coerce(TaskRow.custom, JSONB)[key]
        kind = func.jsonb_typeof(value)
        return case((kind == "string", "text"), else_=kind), value.astext
    # By json_each, because a path cannot name every key.
    one = func.json_each(TaskRow.custom).table_valued("key", "type", "atom")

    def of(column: Any) -> Any:
        return select(column).where(one.c.key == key).correlate(TaskRow).scalar_subquery()

    kind = of(one.c.type)
    named = case(
        (kind.in_(["integer", "real"]), "number"),
        (kind.in_(["true", "false"]), "boolean"),
        else_=kind,
    )
    return named, case((kind.in_(["true", "false"]), kind), else_=of(one.c.atom))


def _as_float(value: Any, dialect: str) -> Any:
    """PostgreSQL refuses what is too large for a float, where SQLite has an infinity."""
    if dialect != "postgresql":
        return cast(value, Float)
    exact, largest = cast(value, Numeric), text("1e308")
    infinite, negative = text("'Infinity'::float8"), text("'-Infinity'::float8")
    return case(
        (exact > largest, infinite), (exact < text("-1e308"), negative), else_=cast(value, Float)
    )


def _compare(value: Any, comparison: Comparison, given: Any) -> Any:
    match comparison:
        case Comparison.EQUAL | Comparison.UNEQUAL:
            return value == given
        case Comparison.BELOW:
            return value < given
        case Comparison.AT_MOST:
            return value <= given
        case Comparison.ABOVE:
            return value > given
        case Comparison.AT_LEAST:
            return value >= given


def _number(given: str) -> float | None:
    try:
        number = float(given)
    except ValueError:
        return None
    return None if math.isnan(number) else number
