"""What happens to proposals."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from nexus.platform.events import Event


@dataclass(frozen=True, kw_only=True)
class _ProposalEvent(Event):
    subject_field: ClassVar[str] = "proposal_id"

    proposal_id: UUID
    task_id: UUID
    project_id: UUID
    key: str


@dataclass(frozen=True, kw_only=True)
class ProposalRequested(_ProposalEvent):
    """A language model is asked how to split a task."""

    name: ClassVar[str] = "proposal.requested"


@dataclass(frozen=True, kw_only=True)
class ProposalCreated(_ProposalEvent):
    """By an agent, a person, or (`model`) by a language model: so many subtasks, so complex."""

    name: ClassVar[str] = "proposal.created"

    subtasks: int
    complexity: int | None
    model: str


@dataclass(frozen=True, kw_only=True)
class ProposalAccepted(_ProposalEvent):
    """By somebody, or by the project's policy; `created` are the keys of the new tasks."""

    name: ClassVar[str] = "proposal.accepted"

    created: list[str]
    by_policy: bool


@dataclass(frozen=True, kw_only=True)
class ProposalRejected(_ProposalEvent):
    name: ClassVar[str] = "proposal.rejected"

    reason: str


@dataclass(frozen=True, kw_only=True)
class ProposalFailed(_ProposalEvent):
    """The language model did not answer, or nobody could understand what it said."""

    name: ClassVar[str] = "proposal.failed"

    reason: str
