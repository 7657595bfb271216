"""Jobs on the wire."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from nexus.platform.jobs.store import JobSeen, JobState, StepSeen


class JobOut(Struct, frozen=True):
    """`attempts`: how often a worker began it; more than once after crashes."""

    id: str
    name: str
    state: JobState
    arguments: list[str]
    error: str | None
    attempts: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, job: JobSeen) -> "JobOut":
        return cls(
            id=job.id,
            name=job.name,
            state=job.state,
            arguments=[str(one) for one in job.arguments],
            error=job.error,
            attempts=job.attempts,
            created_at=job.created_at,
            started_at=job.started_at,
            ended_at=job.ended_at,
        )


class JobPage(Struct, frozen=True):
    items: list[JobOut]
    next_cursor: str | None


class JobStepOut(Struct, frozen=True):
    name: str
    error: str | None
    started_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, step: StepSeen) -> "JobStepOut":
        return cls(
            name=step.name, error=step.error, started_at=step.started_at, ended_at=step.ended_at
        )


class JobDetailOut(Struct, frozen=True):
    """A job and its steps that have ended."""

    job: JobOut
    steps: list[JobStepOut]

    @classmethod
    def of(cls, job: JobSeen, steps: Sequence[StepSeen]) -> "JobDetailOut":
        return cls(job=JobOut.of(job), steps=[JobStepOut.of(one) for one in steps])
