"""What happens to agents."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from nexus.platform.events import Changes, Event


@dataclass(frozen=True, kw_only=True)
class _AgentEvent(Event):
    subject_field: ClassVar[str] = "agent_id"

    agent_id: UUID


@dataclass(frozen=True, kw_only=True)
class AgentRegistered(_AgentEvent):
    name: ClassVar[str] = "agent.registered"

    title: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class AgentUpdated(_AgentEvent):
    name: ClassVar[str] = "agent.updated"

    changes: Changes


@dataclass(frozen=True, kw_only=True)
class AgentPausedByPerson(_AgentEvent):
    """It gets no work, and its heartbeats tell it to stop."""

    name: ClassVar[str] = "agent.paused"

    reason: str


@dataclass(frozen=True, kw_only=True)
class AgentResumed(_AgentEvent):
    name: ClassVar[str] = "agent.resumed"


@dataclass(frozen=True, kw_only=True)
class AgentRemoved(_AgentEvent):
    """Its keys are dead, and what it held is free."""

    name: ClassVar[str] = "agent.removed"
    changes_access: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class AgentsPaused(Event):
    """All of them, and those that come later too."""

    name: ClassVar[str] = "agent.all_paused"
    subject_field: ClassVar[str] = "workspace_id"
    subject_noun: ClassVar[str] = "workspace"

    workspace_id: UUID
    reason: str


@dataclass(frozen=True, kw_only=True)
class AgentsResumed(Event):
    """All that are not paused each by itself."""

    name: ClassVar[str] = "agent.all_resumed"
    subject_field: ClassVar[str] = "workspace_id"
    subject_noun: ClassVar[str] = "workspace"

    workspace_id: UUID
