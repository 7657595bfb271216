"""New ids: UUIDv7, so that rows written together lie together. Never an order of events."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    return uuid7()
