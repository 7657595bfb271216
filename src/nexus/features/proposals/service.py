"""The verbs of proposals."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from nexus.features.projects.domain import Expansion
from nexus.features.projects.service import ProjectService
from nexus.features.proposals.domain import (
    ASK,
    QUEUE,
    Content,
    Proposal,
    ProposalId,
    ProposalState,
    Proposer,
)
from nexus.features.proposals.errors import (
    AlreadyAsked,
    NothingProposed,
    PeopleDecide,
    ProposalNotFound,
)
from nexus.features.proposals.events import (
    ProposalAccepted,
    ProposalCreated,
    ProposalFailed,
    ProposalRejected,
    ProposalRequested,
)
from nexus.features.proposals.repository import ProposalRepository
from nexus.features.tasks.domain import Task
from nexus.features.tasks.errors import TaskNotFound
from nexus.features.tasks.holding import HoldService
from nexus.features.tasks.splitting import Part, TaskSplitter
from nexus.platform.actor import Actor, ActorKind, WorkspaceId
from nexus.platform.clock import now
from nexus.platform.database import Transaction
from nexus.platform.ids import new_id
from nexus.platform.paging import Page


class ProposalService:
    def __init__(
        self,
        proposals: ProposalRepository,
        holds: HoldService,
        splitter: TaskSplitter,
        projects: ProjectService,
        tx: Transaction,
    ) -> None:
        self._proposals = proposals
        self._holds = holds
        self._splitter = splitter
        self._projects = projects
        self._tx = tx

    async def propose(
        self,
        ref: str,
        content: Content | None,
        instructions: str,
        *,
        asks_model: bool,
        by: Actor,
    ) -> tuple[Proposal, str]:
        """Propose how to split a task, or let a language model do so; with the task's key.

        Where the project's policy accepts proposals, this one is accepted at once. Raises
        NothingProposed, NeedsUnknown, and what is wrong with the fence.
        """
        if content is None and not asks_model:
            raise NothingProposed(field="subtasks")
        if content:
            content.check()
            await self._splitter.lock()
        task, by = await self._holds.commented(ref, by=by)
        task.check_not_archived()
        if content is None and await self._proposals.is_asked_for(task.id):
            raise AlreadyAsked(key=task.key)
        proposal = Proposal(
            id=ProposalId(new_id()),
            workspace_id=by.workspace_id,
            task_id=task.id,
            state=ProposalState.OPEN if content else ProposalState.ASKED,
            instructions=instructions,
            content=content,
            model="",
            reason="",
            created=(),
            proposed_by=Proposer(id=by.id, kind=by.kind, name=by.name),
            created_at=now(),
        )

        await self._proposals.add(proposal)
        if content is None:
            self._tx.events.record(
                ProposalRequested(proposal_id=proposal.id, **task.about()), by=by
            )
            self._tx.enqueue(
                ASK,
                str(by.workspace_id),
                str(proposal.id),
                key=str(proposal.id),
                queue=QUEUE,
                partition=str(by.workspace_id),
            )
            return proposal, task.key
        return await self._made(proposal, content, task, by), task.key

    async def get(self, proposal_id: ProposalId) -> tuple[Proposal, str]:
        """With the key of its task. Raises ProposalNotFound, also where the task is hidden."""
        proposal = await self._proposals.get(proposal_id)
        keys = await self._holds.list_keys([proposal.task_id])
        if proposal.task_id not in keys:
            raise ProposalNotFound(id=proposal_id)
        return proposal, keys[proposal.task_id]

    async def list_proposals(
        self, task: str | None, state: ProposalState | None, cursor: str | None, limit: int
    ) -> tuple[Page[Proposal], Mapping[UUID, str]]:
        """Newest first, with the keys of their tasks; whose task is hidden is to be left out."""
        task_id = (await self._holds.task(task)).id if task else None
        page = await self._proposals.list_page(task_id, state, cursor, limit)
        keys = await self._holds.list_keys({one.task_id for one in page.items})
        return page, keys

    async def accept(self, proposal_id: ProposalId, *, by: Actor) -> tuple[Proposal, str]:
        """Split the task as proposed; with the task's key.

        Raises ProposalOver, PeopleDecide, TaskFinished or TaskArchived.
        """
        await self._splitter.lock()
        proposal, task = await self._to_decide(proposal_id, by)
        return await self._accepted(proposal, proposal.check_open(), task, by), task.key

    async def reject(
        self, proposal_id: ProposalId, reason: str, *, by: Actor
    ) -> tuple[Proposal, str]:
        """Say no to it; with the task's key. Raises ProposalOver or PeopleDecide."""
        proposal, task = await self._to_decide(proposal_id, by)
        proposal.check_open()
        who = Proposer(id=by.id, kind=by.kind, name=by.name)
        rejected = proposal.decided(ProposalState.REJECTED, by=who, at=now(), reason=reason)

        await self._proposals.save(rejected)
        self._tx.events.record(
            ProposalRejected(proposal_id=proposal.id, reason=reason, **task.about()), by=by
        )
        return rejected, task.key

    async def question(self, proposal_id: ProposalId) -> tuple[Proposal, Task]:
        """What a language model is to be asked; for the job alone."""
        proposal = await self._proposals.get(proposal_id)
        return proposal, await self._holds.task(str(proposal.task_id))

    async def answered(self, proposal_id: ProposalId, content: Content, model: str) -> None:
        """Take a language model's answer in, unless the proposal is over by now."""
        await self._splitter.lock()
        proposal = await self._proposals.get(proposal_id, lock=True)
        if proposal.state is not ProposalState.ASKED:
            return
        task = await self._holds.task(str(proposal.task_id))
        proposer = proposal.proposed_by
        by = Actor(
            id=proposer.id,
            workspace_id=proposal.workspace_id,
            kind=proposer.kind,
            name=proposer.name,
        )
        proposal = replace(proposal, state=ProposalState.OPEN, content=content, model=model)
        await self._proposals.save(proposal)
        await self._made(proposal, content, task, by)

    async def fail(self, proposal_id: ProposalId, reason: str) -> None:
        """Say that no answer came, unless the proposal is over by now."""
        proposal = await self._proposals.get(proposal_id, lock=True)
        if proposal.state is not ProposalState.ASKED:
            return
        task = await self._holds.task(str(proposal.task_id))
        failed = proposal.decided(ProposalState.FAILED, by=None, at=now(), reason=reason)
        await self._proposals.save(failed)
        self._tx.events.record_by_system(
            ProposalFailed(proposal_id=proposal.id, reason=reason, **task.about()),
            workspace_id=proposal.workspace_id,
        )

    async def list_unanswered(
        self, before: datetime, limit: int
    ) -> Sequence[tuple[WorkspaceId, ProposalId]]:
        """For the sweep alone."""
        return await self._proposals.list_unanswered(before, limit)

    async def _to_decide(self, proposal_id: ProposalId, by: Actor) -> tuple[Proposal, Task]:
        proposal = await self._proposals.get(proposal_id, lock=True)
        try:
            task = await self._holds.task(str(proposal.task_id), lock=True)
        except TaskNotFound as error:
            raise ProposalNotFound(id=proposal_id) from error
        if by.kind is not ActorKind.MEMBER:
            raise PeopleDecide(key=task.project_key)
        return proposal, task

    async def _made(self, proposal: Proposal, content: Content, task: Task, by: Actor) -> Proposal:
        self._tx.events.record(
            ProposalCreated(
                proposal_id=proposal.id,
                subtasks=len(content.subtasks),
                complexity=content.complexity,
                model=proposal.model,
                **task.about(),
            ),
            by=by,
        )
        if not await self._is_accepted_by_policy(task):
            return proposal
        task = await self._holds.task(str(task.id), lock=True)
        if not await self._is_accepted_by_policy(task):  # it has moved or ended meanwhile
            return proposal
        return await self._accepted(proposal, content, task, by, by_policy=True)

    async def _is_accepted_by_policy(self, task: Task) -> bool:
        if task.is_finished or task.archived_at:
            return False
        project = await self._projects.get(task.project_key)
        return project.policy.expansion is Expansion.POLICY and project.archived_at is None

    async def _accepted(
        self,
        proposal: Proposal,
        content: Content,
        task: Task,
        by: Actor,
        *,
        by_policy: bool = False,
    ) -> Proposal:
        parts = [
            Part(
                title=one.title,
                description=one.description,
                acceptance=one.acceptance,
                complexity=one.complexity,
                needs=tuple(number - 1 for number in one.depends_on),
            )
            for one in content.subtasks
        ]
        subtasks = await self._splitter.split(task, parts, complexity=content.complexity, by=by)
        created = [one.key for one in subtasks]
        who = None if by_policy else Proposer(id=by.id, kind=by.kind, name=by.name)
        accepted = proposal.decided(ProposalState.ACCEPTED, by=who, at=now(), created=created)

        await self._proposals.save(accepted)
        self._tx.events.record(
            ProposalAccepted(
                proposal_id=proposal.id, created=created, by_policy=by_policy, **task.about()
            ),
            by=by,
        )
        return accepted
