"""Rows of the actors table as the actors that they are."""

from typing import Any

from sqlalchemy import Row

from nexus.platform.actor import (
    ROLE_PERMISSIONS,
    SELF_SERVICE,
    Actor,
    ActorKind,
    Permission,
    Role,
)
from nexus.platform.rows import ActorRow

JOINED = "who_"
"""The prefix of an actor's columns beside those of another table."""


def joined_actor_columns() -> list[Any]:
    return [column.label(JOINED + column.key) for column in ActorRow.__table__.columns]


def member_actor(row: Row[Any], *, prefix: str = "") -> Actor:
    """A member with all that the role allows and what people may do for themselves."""
    role = Role(getattr(row, f"{prefix}role"))
    return _actor(row, prefix, ROLE_PERMISSIONS[role] | SELF_SERVICE)


def key_actor(row: Row[Any], scopes: frozenset[Permission], *, prefix: str = "") -> Actor:
    """An actor behind a key: what the key's scopes and the role both allow."""
    role = getattr(row, f"{prefix}role")
    allowed = ROLE_PERMISSIONS[Role(role)] & scopes if role else scopes
    return _actor(row, prefix, allowed)


def _actor(row: Row[Any], prefix: str, permissions: frozenset[Permission]) -> Actor:
    def value(name: str) -> Any:
        return getattr(row, prefix + name)

    return Actor(
        id=value("id"),
        workspace_id=value("workspace_id"),
        kind=ActorKind(value("kind")),
        name=value("name"),
        role=Role(value("role")) if value("role") else None,
        is_owner=value("is_owner"),
        user_id=value("user_id"),
        permissions=permissions,
    )
