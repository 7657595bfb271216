"""Who works on a task now, under which fence, and the runs that came of it: pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from nexus.features.projects.domain import ProjectId
from nexus.features.tasks.errors import AlreadyHeld, FenceMissing, FenceSuperseded
from nexus.platform.actor import Actor, ActorId, ActorKind, WorkspaceId

RunId = NewType("RunId", UUID)

DEFAULT_LEASE_S = 900
MAX_LEASE_S = 24 * 3600


class RunState(StrEnum):
    """What has become of one hold of a task. The first two are under way."""

    WORKING = "working"
    NEEDS_INPUT = "needs_input"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FAILED = "failed"
    RELEASED = "released"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def is_under_way(self) -> bool:
        return self in UNDER_WAY


UNDER_WAY = (RunState.WORKING, RunState.NEEDS_INPUT)


@dataclass(frozen=True, kw_only=True)
class Holder:
    id: ActorId
    kind: ActorKind
    name: str


@dataclass(frozen=True, kw_only=True)
class Hold:
    """The newest hold of a task. `is_live` is what the database's clock said when it was read.

    `expires_at` is None for people: theirs end when they say so. A hold that is over still names
    its run, which may wait for somebody to accept it; `proved` are the acceptance items that it
    has brought evidence for.
    """

    run_id: RunId
    fence: int
    holder: Holder
    is_live: bool
    expires_at: datetime | None
    heartbeat_at: datetime
    run_state: RunState
    proved: tuple[UUID, ...] = ()

    @property
    def is_due(self) -> bool:
        """Whether its lease ran out and nobody has drawn the consequence yet."""
        return not self.is_live and self.run_state.is_under_way

    @property
    def awaits_review(self) -> bool:
        return self.run_state is RunState.SUBMITTED


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a run has used: tokens, and money in millionths of a US dollar."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost_micros: int = 0

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out

    def plus(self, other: "Usage") -> "Usage":
        return Usage(
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
            cost_micros=self.cost_micros + other.cost_micros,
        )


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """What a claim sets aside of the budgets that it draws on; what it does not use goes back."""

    tokens: int = 0
    cost_micros: int = 0


@dataclass(frozen=True, kw_only=True)
class Run:
    """One hold of a task from its claim to its end, and what came of it.

    `is_current`: the task has no later hold. `progress` is in percent, `note` the last word on it.
    """

    id: RunId
    workspace_id: WorkspaceId
    task_id: UUID
    task_key: str
    task_title: str
    project_id: ProjectId
    project_key: str
    holder: Holder
    fence: int
    state: RunState
    lease_s: int | None
    claimed_at: datetime
    heartbeat_at: datetime
    expires_at: datetime | None
    is_live: bool
    is_current: bool
    ended_at: datetime | None
    ended_by: Holder | None
    reason: str
    progress: int | None
    note: str
    summary: str
    model: str
    usage: Usage
    reserved: Reservation
    allows_overlap: bool


@dataclass(frozen=True, kw_only=True)
class Totals:
    """All runs that somebody ever had, by what became of them, and what they used.

    `seen_at` is the last sign of life in any of them.
    """

    runs: Mapping[RunState, int] = field(default_factory=dict[RunState, int])
    usage: Usage = Usage()
    seen_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """A lease as it was granted."""

    run_id: RunId
    fence: int
    expires_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class RunFilter:
    """Which runs; every part that is given must hold."""

    actor_id: ActorId | None = None
    task_id: UUID | None = None
    states: tuple[RunState, ...] = ()
    projects: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a run ends, and why; the reason is what others read."""

    state: RunState
    reason: str


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run leaves: its summary, the acceptance items it proved, the files it touched."""

    summary: str
    proved: tuple[UUID, ...]
    paths: tuple[str, ...]


EXPIRY = Ending(state=RunState.EXPIRED, reason="No sign of life came before the end of the lease.")


def attributed(by: Actor, holds: Sequence[Hold | None], *, key: str) -> Actor:
    """`by` as the writer of a change of tasks with these holds: in their run, if they hold one.

    An agent must show its fence to write on a task that it holds, and writes nothing on one that
    somebody else holds. A fence that was shown must be a live one of theirs, whoever shows it.
    Raises AlreadyHeld, FenceMissing or FenceSuperseded.
    """
    live = [hold for hold in holds if hold and hold.is_live]
    own = [hold for hold in live if hold.holder.id == by.id]
    if by.kind is ActorKind.AGENT:
        for hold in live:
            if hold.holder.id != by.id:
                raise already_held(key, hold)
        if own and by.fence is None:
            raise FenceMissing(key=key)
    if by.fence is not None and (not own or any(one.fence != by.fence for one in own)):
        raise superseded(key, by.fence, next((hold for hold in holds if hold), None))
    return replace(by, run_id=own[0].run_id) if own else by


def already_held(key: str, hold: Hold) -> AlreadyHeld:
    """The refusal of a claim, with all that tells a live hold from a stale one."""
    until = f"until {_moment(hold.expires_at)}" if hold.expires_at else "until they let it go"
    reason = (
        f"{hold.holder.name} ({hold.holder.kind.value}) holds it {until}; "
        f"the last sign of life came at {_moment(hold.heartbeat_at)}"
    )
    return AlreadyHeld(
        key=key,
        reason=reason,
        holder=hold.holder.name,
        holder_id=hold.holder.id,
        holder_kind=hold.holder.kind,
        run_id=hold.run_id,
        heartbeat_at=hold.heartbeat_at,
        expires_at=hold.expires_at,
    )


def superseded(key: str, fence: int, hold: Hold | None) -> FenceSuperseded:
    """The refusal of a write under a fence that is not, or no longer, good."""
    if hold is None:
        reason = "the task was never claimed"
    elif hold.is_live and hold.fence != fence:
        reason = f"{hold.holder.name} holds it now, under fence {hold.fence}"
    elif hold.is_live:
        reason = f"fence {fence} belongs to {hold.holder.name}"
    elif hold.is_due:
        reason = f"the lease expired at {_moment(hold.expires_at)}"
    else:
        reason = f"that run is {hold.run_state.value}"
    return FenceSuperseded(key=key, fence=fence, reason=reason)


def _moment(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z") if at else "never"
