"""What happens to imports."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from nexus.platform.events import Event


@dataclass(frozen=True, kw_only=True)
class _ImportEvent(Event):
    subject_field: ClassVar[str] = "import_id"

    import_id: UUID


@dataclass(frozen=True, kw_only=True)
class ImportCreated(_ImportEvent):
    name: ClassVar[str] = "import.created"

    source: str
    format: str


@dataclass(frozen=True, kw_only=True)
class ImportFinished(_ImportEvent):
    name: ClassVar[str] = "import.finished"

    created: int
    updated: int
    unchanged: int
    set_aside: int


@dataclass(frozen=True, kw_only=True)
class ImportFailed(_ImportEvent):
    name: ClassVar[str] = "import.failed"

    why: str
