"""Proposals on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from nexus.features.proposals.domain import (
    MAX_SUBTASKS,
    Content,
    Proposal,
    ProposalState,
    Proposer,
    Subtask,
)
from nexus.platform.actor import ActorKind
from nexus.platform.fields import Line, Text, tidy

Complexity = Annotated[int, Meta(ge=1, le=10)]
Instructions = Annotated[str, Meta(pattern="^[^\\x00]*$", max_length=5000)]
Reason = Annotated[str, Meta(pattern="^[^\\x00]*$", max_length=5000)]


class SubtaskIn(Struct, forbid_unknown_fields=True, frozen=True):
    """A subtask to be; `depends_on` are the numbers (from 1) of earlier ones it waits for."""

    title: Line
    description: Text = ""
    acceptance: Annotated[list[Line], Meta(max_length=100)] = []
    complexity: Complexity | None = None
    depends_on: Annotated[
        list[Annotated[int, Meta(ge=1, le=MAX_SUBTASKS)]], Meta(max_length=MAX_SUBTASKS)
    ] = []

    def subtask(self) -> Subtask:
        return Subtask(
            title=tidy(self.title),
            description=self.description,
            acceptance=tuple(tidy(one) for one in self.acceptance),
            complexity=self.complexity,
            depends_on=tuple(dict.fromkeys(self.depends_on)),
        )


class ProposalIn(Struct, forbid_unknown_fields=True, frozen=True):
    """What you propose. With neither subtasks nor a complexity, a language model is asked.

    `instructions` are what matters to you; the model gets them with the task.
    """

    instructions: Instructions = ""
    reasoning: Text = ""
    complexity: Complexity | None = None
    subtasks: Annotated[list[SubtaskIn], Meta(max_length=MAX_SUBTASKS)] = []

    def content(self) -> Content | None:
        if not self.subtasks and self.complexity is None:
            return None
        return Content(
            complexity=self.complexity,
            reasoning=self.reasoning,
            subtasks=tuple(one.subtask() for one in self.subtasks),
        )


class ProposalRejectionIn(Struct, forbid_unknown_fields=True, frozen=True):
    reason: Reason = ""


class ProposerOut(Struct, frozen=True):
    id: UUID
    kind: ActorKind
    name: str

    @classmethod
    def of(cls, proposer: Proposer) -> "ProposerOut":
        return cls(id=proposer.id, kind=proposer.kind, name=proposer.name)


class SubtaskOut(Struct, frozen=True):
    number: int
    title: str
    description: str
    acceptance: list[str]
    complexity: int | None
    depends_on: list[int]


class ProposalOut(Struct, frozen=True):
    """How a task could be split. `model` names the language model that says so.

    `asked`: it has not answered yet; `open`: somebody is to decide. `reason` says why it was
    rejected or failed, `created` are the keys of the tasks that came of it. Where nobody decided
    (`decided_by` null), the project's policy accepted it.
    """

    id: UUID
    task_id: UUID
    task: str
    state: ProposalState
    complexity: int | None
    reasoning: str
    subtasks: list[SubtaskOut]
    instructions: str
    model: str
    reason: str
    created: list[str]
    proposed_by: ProposerOut
    created_at: datetime
    decided_at: datetime | None
    decided_by: ProposerOut | None

    @classmethod
    def of(cls, proposal: Proposal, key: str) -> "ProposalOut":
        content = proposal.content
        return cls(
            id=proposal.id,
            task_id=proposal.task_id,
            task=key,
            state=proposal.state,
            complexity=content.complexity if content else None,
            reasoning=content.reasoning if content else "",
            subtasks=_subtasks(content),
            instructions=proposal.instructions,
            model=proposal.model,
            reason=proposal.reason,
            created=list(proposal.created),
            proposed_by=ProposerOut.of(proposal.proposed_by),
            created_at=proposal.created_at,
            decided_at=proposal.decided_at,
            decided_by=ProposerOut.of(proposal.decided_by) if proposal.decided_by else None,
        )


def _subtasks(content: Content | None) -> list[SubtaskOut]:
    return [
        SubtaskOut(
            number=number,
            title=one.title,
            description=one.description,
            acceptance=list(one.acceptance),
            complexity=one.complexity,
            depends_on=list(one.depends_on),
        )
        for number, one in enumerate(content.subtasks if content else (), start=1)
    ]


class ProposalPage(Struct, frozen=True):
    items: list[ProposalOut]
    next_cursor: str | None
