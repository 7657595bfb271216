"""Being one of many values, as a single parameter: one statement text for any number of them."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Text, Uuid, any_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from nexus.platform.database import Transaction


def any_of(column: Any, ids: Collection[UUID], tx: Transaction) -> ColumnElement[bool]:
    """True where the column holds one of these ids.

    An IN list is written out anew for every call; this is one array on PostgreSQL and one JSON
    text on SQLite, so the statement stays the same and is prepared once.
    """
    if tx.dialect == "postgresql":
        return column == any_(literal(list(ids), ARRAY(Uuid())))
    texts = msgspec.json.encode([one.hex for one in ids]).decode()
    values = func.json_each(literal(texts, Text())).table_valued("value")
    return column.in_(select(values.c.value))


def ids_parameter(ids: Collection[UUID], tx: Transaction) -> Any:
    """The same ids as the one parameter of a statement that is written out as text.

    PostgreSQL takes it as `UUID[]`, SQLite through `json_each`.
    """
    if tx.dialect == "postgresql":
        return [str(one) for one in ids]
    return msgspec.json.encode([one.hex for one in ids]).decode()
