"""Repositories on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from nexus.features.repositories.domain import Provider, Repository
from nexus.platform.fields import Name

Url = Annotated[
    str,
    Meta(
        pattern="^(https?|ssh|git)://[^\\s\\x00-\\x1f]+$|^[^@\\s\\x00-\\x1f]+@[^:\\s\\x00-\\x1f]+:[^\\s\\x00-\\x1f]+$",
        max_length=500,
        examples=["https://github.com/acme/api"],
    ),
]


class RepositoryIn(Struct, forbid_unknown_fields=True, frozen=True):
    name: Name
    url: Url
    provider: Provider = Provider.GITHUB
    default_branch: Name = "main"


class RepositoryPatch(Struct, forbid_unknown_fields=True, frozen=True):
    name: Name | UnsetType = UNSET
    url: Url | UnsetType = UNSET
    default_branch: Name | UnsetType = UNSET
    archived: bool | UnsetType = UNSET


class RepositoryOut(Struct, frozen=True):
    id: UUID
    name: str
    url: str
    provider: Provider
    default_branch: str
    version: int
    created_at: datetime
    archived_at: datetime | None

    @classmethod
    def of(cls, repository: Repository) -> "RepositoryOut":
        return cls(
            id=repository.id,
            name=repository.name,
            url=repository.url,
            provider=repository.provider,
            default_branch=repository.default_branch,
            version=repository.version,
            created_at=repository.created_at,
            archived_at=repository.archived_at,
        )


class RepositoryPage(Struct, frozen=True):
    items: list[RepositoryOut]
    next_cursor: str | None
