"""Claims and runs on the wire."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from nexus.features.agents.dto import MICROS, Cost, Tokens, UsageOut
from nexus.features.runs.dispatching import Wish
from nexus.features.runs.domain import Claim, Line, LineKind, Logged, Next, Pulse
from nexus.features.tasks.choosing import PassedOver, WorkLimit
from nexus.features.tasks.dto import HolderOut, TaskOut
from nexus.features.tasks.holds import (
    DEFAULT_LEASE_S,
    MAX_LEASE_S,
    Reservation,
    Run,
    RunState,
    Usage,
)
from nexus.platform.actor import ActorId
from nexus.platform.fields import NO_NUL, ProjectKey

LeaseS = Annotated[int, Meta(ge=1, le=MAX_LEASE_S, description="Seconds, a day at most.")]
Note = Annotated[str, Meta(pattern=NO_NUL, max_length=2000)]
LineText = Annotated[str, Meta(pattern=NO_NUL, max_length=4000)]
MAX_WAIT_S = 60


class ClaimIn(Struct, forbid_unknown_fields=True, frozen=True):
    """A named task, or (null) the next one that fits.

    `agent` is who it is for: an agent leaves it out, a person names one by id or handle. `wait_s`:
    hold the answer until there is something, for at most so many seconds. `reserve_...` set aside
    so much of the budgets; null is what the agent reserves as a rule.
    """

    task: Annotated[str, Meta(max_length=60)] | None = None
    agent: Annotated[str, Meta(max_length=60)] | None = None
    lease_s: LeaseS = DEFAULT_LEASE_S
    wait_s: Annotated[float, Meta(ge=0, le=MAX_WAIT_S)] = 0
    allow_overlap: bool = False
    reserve_tokens: Tokens | None = None
    reserve_cost: Cost | None = None

    def wish(self) -> Wish:
        reserved = None
        if self.reserve_tokens is not None or self.reserve_cost is not None:
            reserved = Reservation(
                tokens=self.reserve_tokens or 0,
                cost_micros=round((self.reserve_cost or 0) * MICROS),
            )
        return Wish(
            agent=self.agent,
            task=self.task,
            lease_s=self.lease_s,
            allows_overlap=self.allow_overlap,
            reserved=reserved,
        )


class HeartbeatIn(Struct, forbid_unknown_fields=True, frozen=True):
    """`lease_s` null: as long as before."""

    lease_s: LeaseS | None = None


class ProgressIn(Struct, forbid_unknown_fields=True, frozen=True):
    """`progress` is in percent."""

    note: Note
    progress: Annotated[int, Meta(ge=0, le=100)] | None = None


class LineIn(Struct, forbid_unknown_fields=True, frozen=True):
    text: LineText
    kind: LineKind = LineKind.OUTPUT


class LogIn(Struct, forbid_unknown_fields=True, frozen=True):
    lines: Annotated[list[LineIn], Meta(min_length=1, max_length=500)]


class UsageIn(Struct, forbid_unknown_fields=True, frozen=True):
    """What was used since the last report."""

    tokens_in: Tokens = 0
    tokens_out: Tokens = 0
    cost: Cost = 0
    model: Annotated[str, Meta(pattern=NO_NUL, max_length=100)] = ""

    def usage(self) -> Usage:
        return Usage(
            tokens_in=self.tokens_in,
            tokens_out=self.tokens_out,
            cost_micros=round(self.cost * MICROS),
        )


class LimitIn(Struct, forbid_unknown_fields=True, frozen=True):
    """How many tasks agents may work on at once; null is without a limit."""

    project: ProjectKey | None = None
    repository_id: UUID | None = None
    max_running: Annotated[int, Meta(ge=0, le=10_000)] | None = None


class LimitOut(Struct, frozen=True):
    project_id: UUID | None
    repository_id: UUID | None
    max_running: int | None

    @classmethod
    def of(cls, limit: WorkLimit) -> "LimitOut":
        return cls(
            project_id=limit.project_id,
            repository_id=limit.repository_id,
            max_running=limit.max_running,
        )


class LimitPage(Struct, frozen=True):
    items: list[LimitOut]
    next_cursor: str | None


class RunOut(Struct, frozen=True):
    """One hold of a task, from its claim to its end.

    `fence` goes into the header Nexus-Fence of every write. `is_live`: the lease lasts.
    """

    id: UUID
    task_id: UUID
    task: str
    title: str
    project: str
    holder: HolderOut
    fence: int
    state: RunState
    is_live: bool
    lease_s: int | None
    claimed_at: datetime
    heartbeat_at: datetime
    expires_at: datetime | None
    ended_at: datetime | None
    ended_by: HolderOut | None
    reason: str
    progress: int | None
    note: str
    summary: str
    model: str
    usage: UsageOut
    reserved_tokens: int
    reserved_cost: float

    @classmethod
    def of(cls, run: Run) -> "RunOut":
        return cls(
            id=run.id,
            task_id=run.task_id,
            task=run.task_key,
            title=run.task_title,
            project=run.project_key,
            holder=HolderOut.of(run.holder),
            fence=run.fence,
            state=run.state,
            is_live=run.is_live,
            lease_s=run.lease_s,
            claimed_at=run.claimed_at,
            heartbeat_at=run.heartbeat_at,
            expires_at=run.expires_at,
            ended_at=run.ended_at,
            ended_by=HolderOut.of(run.ended_by) if run.ended_by else None,
            reason=run.reason,
            progress=run.progress,
            note=run.note,
            summary=run.summary,
            model=run.model,
            usage=UsageOut.of(run.usage),
            reserved_tokens=run.reserved.tokens,
            reserved_cost=run.reserved.cost_micros / MICROS,
        )


class RunPage(Struct, frozen=True):
    items: list[RunOut]
    next_cursor: str | None


class PassedOverOut(Struct, frozen=True):
    task: str
    reason: str

    @classmethod
    def all_of(cls, passed: Sequence[PassedOver]) -> "list[PassedOverOut]":
        return [cls(task=one.key, reason=one.reason) for one in passed]


class EarlierOut(Struct, frozen=True):
    """An earlier run of the same task, and how it ended."""

    run_id: UUID
    holder: HolderOut
    state: RunState
    reason: str
    summary: str
    ended_at: datetime | None

    @classmethod
    def of(cls, run: Run) -> "EarlierOut":
        return cls(
            run_id=run.id,
            holder=HolderOut.of(run.holder),
            state=run.state,
            reason=run.reason,
            summary=run.summary,
            ended_at=run.ended_at,
        )


class ClaimOut(Struct, frozen=True):
    """What was given; all of it null where nothing fits. `earlier` runs say what went wrong."""

    run_id: UUID | None
    fence: int | None
    expires_at: datetime | None
    task: TaskOut | None
    reason: str
    passed_over: list[PassedOverOut]
    earlier: list[EarlierOut]

    @classmethod
    def of(cls, claim: Claim, viewer: ActorId) -> "ClaimOut":
        return cls(
            run_id=claim.claimed.run_id,
            fence=claim.claimed.fence,
            expires_at=claim.claimed.expires_at,
            task=TaskOut.of(claim.task, viewer),
            reason=claim.reason,
            passed_over=PassedOverOut.all_of(claim.passed_over),
            earlier=[EarlierOut.of(run) for run in claim.earlier],
        )

    @classmethod
    def nothing(cls, reason: str, passed: Sequence[PassedOver]) -> "ClaimOut":
        return cls(
            run_id=None,
            fence=None,
            expires_at=None,
            task=None,
            reason=reason,
            passed_over=PassedOverOut.all_of(passed),
            earlier=[],
        )


class NextTaskOut(Struct, frozen=True):
    """What an agent would be given now; `why_not` says it of the task that was asked about."""

    task: str | None
    title: str | None
    reason: str
    passed_over: list[PassedOverOut]
    why_not: list[str]

    @classmethod
    def of(cls, found: Next) -> "NextTaskOut":
        return cls(
            task=found.task.key if found.task else None,
            title=found.task.title if found.task else None,
            reason=found.reason,
            passed_over=PassedOverOut.all_of(found.passed_over),
            why_not=list(found.why_not),
        )


class HeartbeatOut(Struct, frozen=True):
    """`must_stop`: a person has paused the agent; submit or release, and take no more."""

    run_id: UUID
    state: RunState
    expires_at: datetime | None
    must_stop: bool
    stop_reason: str | None

    @classmethod
    def of(cls, pulse: Pulse) -> "HeartbeatOut":
        return cls(
            run_id=pulse.run.id,
            state=pulse.run.state,
            expires_at=pulse.expires_at,
            must_stop=pulse.stop is not None,
            stop_reason=pulse.stop,
        )


class UsedOut(Struct, frozen=True):
    """`must_stop`: a budget is used up, and the lease has ended."""

    run_id: UUID
    usage: UsageOut
    must_stop: bool
    stop_reason: str | None

    @classmethod
    def of(cls, run: Run, reason: str) -> "UsedOut":
        return cls(
            run_id=run.id,
            usage=UsageOut.of(run.usage),
            must_stop=bool(reason),
            stop_reason=reason or None,
        )


class LoggedOut(Struct, frozen=True):
    """`last` is the newest line's number; `dropped` lines had no room any more."""

    last: int
    dropped: int

    @classmethod
    def of(cls, logged: Logged) -> "LoggedOut":
        return cls(last=logged.last, dropped=logged.dropped)


class LineOut(Struct, frozen=True):
    number: int
    kind: LineKind
    text: str
    recorded_at: datetime

    @classmethod
    def of(cls, line: Line) -> "LineOut":
        return cls(number=line.number, kind=line.kind, text=line.text, recorded_at=line.recorded_at)


class LogPage(Struct, frozen=True):
    """`next_cursor` goes on after the last line, once there are more: see `after`."""

    items: list[LineOut]
    next_cursor: str | None
