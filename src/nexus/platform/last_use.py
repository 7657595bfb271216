"""When credentials were last used, kept in memory and written in batches."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID


class LastUse:
    """Notes uses without a write per request. What a crash loses is some seconds of last use."""

    def __init__(self) -> None:
        self._seen: dict[UUID, datetime] = {}

    def note(self, credential_id: UUID, at: datetime) -> None:
        self._seen[credential_id] = at

    def drain(self) -> Mapping[UUID, datetime]:
        """What was noted since the last time."""
        seen, self._seen = self._seen, {}
        return seen
