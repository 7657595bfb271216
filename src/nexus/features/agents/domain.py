"""An agent, what it may take, and what it is doing: pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from nexus.features.agents.errors import AgentPaused, ComplexityRangeEmpty
from nexus.features.tasks.choosing import Wants
from nexus.features.tasks.holds import Reservation, Run, Totals
from nexus.platform.actor import ActorId, WorkspaceId

OFFLINE_AFTER = timedelta(minutes=3)


class AgentStatus(StrEnum):
    IDLE = "idle"
    WORKING = "working"
    OFFLINE = "offline"
    PAUSED = "paused"


@dataclass(frozen=True, kw_only=True)
class AgentLimits:
    """What an agent may take; an empty part leaves all of it open.

    With `capabilities`, only tasks that carry at least one of these labels. Projects are named by
    their keys. `needs_review`: its work lands in review, whatever a project's policy says.
    `reserved` is what a claim sets aside of budgets unless it says otherwise.
    """

    capabilities: tuple[str, ...] = ()
    min_complexity: int = 1
    max_complexity: int = 10
    projects: tuple[str, ...] = ()
    repositories: tuple[UUID, ...] = ()
    max_tasks: int = 1
    needs_review: bool = False
    reserved: Reservation = field(default_factory=Reservation)

    def check(self) -> None:
        if self.min_complexity > self.max_complexity:
            raise ComplexityRangeEmpty(
                least=self.min_complexity, most=self.max_complexity, field="max_complexity"
            )


@dataclass(frozen=True, kw_only=True)
class Pause:
    """`is_for_all`: the switch for all agents is off."""

    at: datetime
    reason: str
    is_for_all: bool


@dataclass(frozen=True, kw_only=True)
class Agent:
    """A registered AI worker; the id is its actor.

    `hidden_projects` are the keys that whoever looks may not see, among its projects too.
    """

    id: ActorId
    workspace_id: WorkspaceId
    name: str
    handle: str
    kind: str
    description: str
    limits: AgentLimits
    own_pause: Pause | None
    switch: Pause | None
    seen_at: datetime | None
    registered_by: ActorId
    version: int
    created_at: datetime
    removed_at: datetime | None
    hidden_projects: frozenset[str] = frozenset()

    @property
    def pause(self) -> Pause | None:
        """Why it gets no work: all are paused, or it is by itself."""
        return self.switch or self.own_pause

    @property
    def shown_projects(self) -> tuple[str, ...]:
        return tuple(key for key in self.limits.projects if key not in self.hidden_projects)

    @property
    def wants(self) -> Wants:
        limits = self.limits
        return Wants(
            actor_id=self.id,
            name=self.name,
            labels=limits.capabilities,
            min_complexity=limits.min_complexity,
            max_complexity=limits.max_complexity,
            projects=limits.projects,
            repositories=limits.repositories,
            max_tasks=limits.max_tasks,
        )

    def check_not_paused(self) -> None:
        if self.pause:
            who = "all agents are" if self.pause.is_for_all else f"{self.name} is"
            reason = self.pause.reason.rstrip(".") or "nobody said why"
            raise AgentPaused(who=who, reason=reason)

    def removed(self, at: datetime) -> "Agent":
        return replace(self, removed_at=at, version=self.version + 1)


@dataclass(frozen=True, kw_only=True)
class AgentStanding:
    """An agent with what it works on now, and all that it ever did."""

    agent: Agent
    runs: Sequence[Run]
    totals: Totals

    @property
    def seen_at(self) -> datetime | None:
        """The last sign of life: in a run, or that it showed a key."""
        signs = [at for at in (self.agent.seen_at, self.totals.seen_at) if at]
        return max(signs, default=None)

    def status(self, at: datetime) -> AgentStatus:
        if self.agent.pause:
            return AgentStatus.PAUSED
        if self.seen_at is None or at - self.seen_at > OFFLINE_AFTER:
            return AgentStatus.OFFLINE
        is_working = any(run.is_live for run in self.runs)
        return AgentStatus.WORKING if is_working else AgentStatus.IDLE
