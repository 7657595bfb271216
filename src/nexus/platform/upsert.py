"""Inserts that leave alone what is there already, in each database's words."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite

from nexus.platform.database import Transaction


def insert_missing(tx: Transaction, table: Any) -> Any:
    """An insert that skips rows whose key is taken, waiting for whoever is about to take it."""
    dialect = postgresql if tx.dialect == "postgresql" else sqlite
    return dialect.insert(table).on_conflict_do_nothing()
