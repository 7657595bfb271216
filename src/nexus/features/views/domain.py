"""A saved view: which tasks, in which order."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NewType
from uuid import UUID

from nexus.features.views.errors import NotYourView
from nexus.platform.actor import Actor, ActorId, WorkspaceId

ViewId = NewType("ViewId", UUID)


@dataclass(frozen=True, kw_only=True)
class View:
    """`query` holds the query parameters of GET /tasks by their names, lists as lists."""

    id: ViewId
    workspace_id: WorkspaceId
    owner_id: ActorId
    name: str
    is_shared: bool
    query: Mapping[str, Any]
    version: int
    created_at: datetime
    updated_at: datetime

    def check_changeable(self, by: Actor) -> None:
        """Its owner changes a view, and an admin one that is shared."""
        if by.id != self.owner_id and not (by.is_admin and self.is_shared):
            raise NotYourView(name=self.name)
