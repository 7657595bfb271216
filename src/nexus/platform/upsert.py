"""Inserts of what may be there already, in each database's words."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite

from nexus.platform.database import Transaction


def upsert(tx: Transaction, table: Any) -> Any:
    """An insert that can say what to do where the row is there (`on_conflict_do_update`)."""
    return upsert_of(tx.dialect, table)


def upsert_of(dialect: str, table: Any) -> Any:
    """The same, for a statement that is prepared."""
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)


def insert_missing(tx: Transaction, table: Any) -> Any:
    """An insert that skips rows whose key is taken, waiting for whoever is about to take it."""
    return upsert(tx, table).on_conflict_do_nothing()
