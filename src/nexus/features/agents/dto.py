"""Agents on the wire."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from nexus.features.agents.domain import AgentLimits, AgentStanding, AgentStatus
from nexus.features.tasks.holds import Reservation, Run, RunState, Totals, Usage
from nexus.platform.clock import now
from nexus.platform.fields import NO_NUL, Name, ProjectKey

Kind = Annotated[
    str,
    Meta(pattern="^[a-z0-9][a-z0-9._-]{0,39}$", examples=["claude-code", "codex", "custom"]),
]
Description = Annotated[str, Meta(pattern=NO_NUL, max_length=5000)]
Capabilities = Annotated[list[Name], Meta(max_length=50)]
Size = Annotated[int, Meta(ge=1, le=10)]
Projects = Annotated[list[ProjectKey], Meta(max_length=200)]
Repositories = Annotated[list[UUID], Meta(max_length=200)]
Slots = Annotated[int, Meta(ge=1, le=100)]
Tokens = Annotated[int, Meta(ge=0, le=10**12)]
Cost = Annotated[float, Meta(ge=0, le=1_000_000, description="US dollars, to the millionth.")]
Reason = Annotated[str, Meta(pattern=NO_NUL, max_length=500)]
MICROS = 1_000_000
_LISTS = {"capabilities", "projects", "repositories"}


class AgentIn(Struct, forbid_unknown_fields=True, frozen=True):
    """A new agent. An empty list leaves all of it open.

    With `capabilities`, it takes only tasks that carry at least one of these labels. What
    `reserve_tokens` and `reserve_cost` say is set aside of budgets at each claim.
    """

    name: Name
    kind: Kind = "custom"
    description: Description = ""
    capabilities: Capabilities = []
    min_complexity: Size = 1
    max_complexity: Size = 10
    projects: Projects = []
    repositories: Repositories = []
    max_tasks: Slots = 1
    needs_review: bool = False
    reserve_tokens: Tokens = 0
    reserve_cost: Cost = 0

    def limits(self) -> AgentLimits:
        return AgentLimits(
            capabilities=tuple(self.capabilities),
            min_complexity=self.min_complexity,
            max_complexity=self.max_complexity,
            projects=tuple(self.projects),
            repositories=tuple(self.repositories),
            max_tasks=self.max_tasks,
            needs_review=self.needs_review,
            reserved=Reservation(
                tokens=self.reserve_tokens, cost_micros=round(self.reserve_cost * MICROS)
            ),
        )


class AgentPatch(Struct, forbid_unknown_fields=True, frozen=True):
    """What to change; everything else stays. Lists replace the list that was there."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    capabilities: Capabilities | UnsetType = UNSET
    min_complexity: Size | UnsetType = UNSET
    max_complexity: Size | UnsetType = UNSET
    projects: Projects | UnsetType = UNSET
    repositories: Repositories | UnsetType = UNSET
    max_tasks: Slots | UnsetType = UNSET
    needs_review: bool | UnsetType = UNSET
    reserve_tokens: Tokens | UnsetType = UNSET
    reserve_cost: Cost | UnsetType = UNSET

    def limits(self, old: AgentLimits) -> dict[str, Any]:
        """The limits that are given, as an agent keeps them."""
        values: dict[str, Any] = {
            name: tuple(value) if name in _LISTS else value
            for name in self.__struct_fields__
            if name in AgentLimits.__annotations__ and (value := getattr(self, name)) is not UNSET
        }
        if self.reserve_tokens is not UNSET or self.reserve_cost is not UNSET:
            tokens = old.reserved.tokens if self.reserve_tokens is UNSET else self.reserve_tokens
            cost = old.reserved.cost_micros
            if self.reserve_cost is not UNSET:
                cost = round(self.reserve_cost * MICROS)
            values["reserved"] = Reservation(tokens=tokens, cost_micros=cost)
        return values


class PauseIn(Struct, forbid_unknown_fields=True, frozen=True):
    """`reason` is what agents are told."""

    reason: Reason = ""


class UsageOut(Struct, frozen=True):
    """`cost` is in US dollars."""

    tokens_in: int
    tokens_out: int
    cost: float

    @classmethod
    def of(cls, usage: Usage) -> "UsageOut":
        return cls(
            tokens_in=usage.tokens_in,
            tokens_out=usage.tokens_out,
            cost=usage.cost_micros / MICROS,
        )


class AssignmentOut(Struct, frozen=True):
    """What an agent works on now."""

    run_id: UUID
    task_id: UUID
    task: str
    title: str
    state: RunState
    progress: int | None
    note: str
    claimed_at: datetime
    heartbeat_at: datetime
    expires_at: datetime | None

    @classmethod
    def of(cls, run: Run) -> "AssignmentOut":
        return cls(
            run_id=run.id,
            task_id=run.task_id,
            task=run.task_key,
            title=run.task_title,
            state=run.state,
            progress=run.progress,
            note=run.note,
            claimed_at=run.claimed_at,
            heartbeat_at=run.heartbeat_at,
            expires_at=run.expires_at,
        )


class TotalsOut(Struct, frozen=True):
    """All runs so far: how many there were, by their state, and what they used."""

    runs: int
    by_state: dict[str, int]
    usage: UsageOut

    @classmethod
    def of(cls, totals: Totals) -> "TotalsOut":
        return cls(
            runs=sum(totals.runs.values()),
            by_state={state.value: count for state, count in totals.runs.items()},
            usage=UsageOut.of(totals.usage),
        )


class AgentOut(Struct, frozen=True):
    """An agent, what it may take, what it is doing and what it has done.

    `status`: `offline` when no sign of life came for three minutes.
    """

    id: UUID
    name: str
    handle: str
    kind: str
    description: str
    status: AgentStatus
    pause_reason: str | None
    paused_at: datetime | None
    seen_at: datetime | None
    capabilities: list[str]
    min_complexity: int
    max_complexity: int
    projects: list[str]
    repositories: list[UUID]
    max_tasks: int
    needs_review: bool
    reserve_tokens: int
    reserve_cost: float
    assignments: list[AssignmentOut]
    totals: TotalsOut
    registered_by: UUID
    version: int
    created_at: datetime

    @classmethod
    def of(cls, standing: AgentStanding) -> "AgentOut":
        agent, limits = standing.agent, standing.agent.limits
        return cls(
            id=agent.id,
            name=agent.name,
            handle=agent.handle,
            kind=agent.kind,
            description=agent.description,
            status=standing.status(now()),
            pause_reason=agent.pause.reason if agent.pause else None,
            paused_at=agent.pause.at if agent.pause else None,
            seen_at=standing.seen_at,
            capabilities=list(limits.capabilities),
            min_complexity=limits.min_complexity,
            max_complexity=limits.max_complexity,
            projects=list(agent.shown_projects),
            repositories=list(limits.repositories),
            max_tasks=limits.max_tasks,
            needs_review=limits.needs_review,
            reserve_tokens=limits.reserved.tokens,
            reserve_cost=limits.reserved.cost_micros / MICROS,
            assignments=[AssignmentOut.of(run) for run in standing.runs],
            totals=TotalsOut.of(standing.totals),
            registered_by=agent.registered_by,
            version=agent.version,
            created_at=agent.created_at,
        )


class AgentPage(Struct, frozen=True):
    items: list[AgentOut]
    next_cursor: str | None
