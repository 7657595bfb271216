"""Being one of many values, as a single parameter: one statement text for any number of them.

An IN list is written out anew for every call. The values are one array on PostgreSQL and one JSON
text on SQLite, so the statement stays the same and is prepared once.
"""

from collections.abc import Collection
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Text, Uuid, any_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from nexus.platform.database import Transaction

_json = msgspec.json.Encoder(uuid_format="hex")  # as SQLite keeps ids


def any_of(column: Any, ids: Collection[UUID], tx: Transaction) -> ColumnElement[bool]:
    """True where the column holds one of these ids."""
    parameter = literal(as_parameter(ids, tx), parameter_type(Uuid(), tx.dialect))
    return is_in_parameter(column, parameter, tx.dialect)


def as_parameter(values: Collection[UUID | str | int], tx: Transaction) -> Any:
    """The values as the one parameter of a statement.

    PostgreSQL takes it as an array of their type, SQLite through `json_each`.
    """
    if tx.dialect == "postgresql":
        return list(values)
    return _json.encode(list(values)).decode()


def parameter_type(of_one: Any, dialect: str) -> Any:
    """The type of such a parameter, by the type of one of its values."""
    return ARRAY(of_one) if dialect == "postgresql" else Text()


def is_in_parameter(column: Any, parameter: Any, dialect: str) -> ColumnElement[bool]:
    """True where the column holds one of the values of such a parameter."""
    if dialect == "postgresql":
        return column == any_(parameter)
    values = func.json_each(parameter).table_valued("value")
    return column.in_(select(values.c.value))
