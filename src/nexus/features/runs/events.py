"""What happens in runs between their claim and their end."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from nexus.features.tasks.events import RunEvent
from nexus.platform.events import Event


@dataclass(frozen=True, kw_only=True)
class RunProgressed(RunEvent):
    """`progress` is in percent."""

    name: ClassVar[str] = "run.progressed"

    progress: int | None
    note: str


@dataclass(frozen=True, kw_only=True)
class RunLogged(RunEvent):
    """Lines came in, `last` being the newest one's number; they stand in the run's log."""

    name: ClassVar[str] = "run.logged"

    lines: int
    last: int


@dataclass(frozen=True, kw_only=True)
class RunUsed(RunEvent):
    """Tokens and money, in millionths of a US dollar."""

    name: ClassVar[str] = "run.used"

    tokens_in: int
    tokens_out: int
    cost_micros: int


@dataclass(frozen=True, kw_only=True)
class RunAsked(RunEvent):
    """It waits for a person's answer."""

    name: ClassVar[str] = "run.asked"

    question_id: UUID
    question: str


@dataclass(frozen=True, kw_only=True)
class RunAnswered(RunEvent):
    name: ClassVar[str] = "run.answered"

    question_id: UUID
    answer: str


@dataclass(frozen=True, kw_only=True)
class RunEvidenceVerified(RunEvent):
    """Somebody looked whether what was reported is true."""

    name: ClassVar[str] = "run.evidence_verified"

    evidence_id: UUID
    verdict: str


@dataclass(frozen=True, kw_only=True)
class WorkLimitChanged(Event):
    """How many tasks run at once; null is without a limit."""

    name: ClassVar[str] = "work_limit.changed"
    subject_field: ClassVar[str] = "subject_id"

    subject_id: UUID
    project_id: UUID | None
    max_running: int | None
