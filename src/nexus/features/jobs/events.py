"""What admins do with jobs."""

from dataclasses import dataclass
from typing import ClassVar

from nexus.platform.events import Event


@dataclass(frozen=True, kw_only=True)
class _JobEvent(Event):
    subject_field: ClassVar[str] = "job_id"

    job_id: str
    job: str


@dataclass(frozen=True, kw_only=True)
class JobRetried(_JobEvent):
    name: ClassVar[str] = "job.retried"


@dataclass(frozen=True, kw_only=True)
class JobCancelled(_JobEvent):
    name: ClassVar[str] = "job.cancelled"
