"""Proposals and what becomes of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType
from uuid import UUID

from nexus.features.proposals.errors import NeedsUnknown, ProposalOver
from nexus.features.tasks.domain import TaskId
from nexus.platform.actor import ActorId, ActorKind, WorkspaceId

ProposalId = NewType("ProposalId", UUID)

ASK = "proposals.ask_model"
QUEUE = "language_models"
MAX_SUBTASKS = 20
ANSWERS_WITHIN = timedelta(hours=2)  # longer than all attempts may take


class ProposalState(StrEnum):
    """`asked`: the language model has not answered yet; `open`: somebody is to decide."""

    ASKED = "asked"
    OPEN = "open"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Subtask:
    """A subtask to be. `depends_on` are the numbers (from 1) of earlier ones that it waits for."""

    title: str
    description: str = ""
    acceptance: tuple[str, ...] = ()
    complexity: int | None = None
    depends_on: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Content:
    """What is proposed: a complexity, subtasks, or both, and why."""

    complexity: int | None
    reasoning: str
    subtasks: tuple[Subtask, ...]

    def check(self) -> None:
        """Raises NeedsUnknown unless every subtask waits for earlier ones alone."""
        for number, one in enumerate(self.subtasks, start=1):
            for needed in one.depends_on:
                if not 1 <= needed < number:
                    raise NeedsUnknown(number=number, needed=needed, field="subtasks")


@dataclass(frozen=True, kw_only=True)
class Proposer:
    id: ActorId
    kind: ActorKind
    name: str


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """`model` is the language model that made it, `created` the keys of what came of it."""

    id: ProposalId
    workspace_id: WorkspaceId
    task_id: TaskId
    state: ProposalState
    instructions: str
    content: Content | None
    model: str
    reason: str
    created: tuple[str, ...]
    proposed_by: Proposer
    created_at: datetime
    decided_at: datetime | None = None
    decided_by: Proposer | None = None

    def check_open(self) -> Content:
        """What is proposed. Raises ProposalOver where nothing is to be decided."""
        if self.state is not ProposalState.OPEN or self.content is None:
            raise ProposalOver(state=self.state.value)
        return self.content

    def decided(
        self,
        state: ProposalState,
        *,
        by: Proposer | None,
        at: datetime,
        reason: str = "",
        created: Sequence[str] = (),
    ) -> "Proposal":
        """`by` None: by itself, as when the model did not answer or the policy accepts it."""
        return replace(
            self,
            state=state,
            reason=reason,
            created=tuple(created),
            decided_at=at,
            decided_by=by,
        )
