"""How runs end: submitted with proof, accepted or sent back, released, failed, cancelled."""

from collections.abc import Sequence
from dataclasses import replace

from nexus.features.agents.service import AgentService
from nexus.features.projects.domain import Landing
from nexus.features.projects.service import ProjectService
from nexus.features.runs.domain import (
    Evidence,
    EvidenceId,
    Submission,
    Verdict,
)
from nexus.features.runs.errors import OwnRun
from nexus.features.runs.events import RunEvidenceVerified
from nexus.features.runs.repository import RunRepository
from nexus.features.tasks.assignments import AssignmentService
from nexus.features.tasks.domain import TaskStatus
from nexus.features.tasks.holds import Ending, Result, Run, RunId, RunState
from nexus.platform.actor import Actor, ActorKind
from nexus.platform.clock import now
from nexus.platform.events import EventLog
from nexus.platform.ids import new_id

REASON_SHOWN = 200


class ReviewService:
    def __init__(
        self,
        runs: RunRepository,
        assignments: AssignmentService,
        agents: AgentService,
        projects: ProjectService,
        events: EventLog,
    ) -> None:
        self._runs = runs
        self._assignments = assignments
        self._agents = agents
        self._projects = projects
        self._events = events

    async def submit(self, run_id: RunId, submission: Submission, *, by: Actor) -> Run:
        """Say that it is done, with proof. The project's policy says where the task lands."""
        run = await self._assignments.own_run(run_id, by=by)
        project = await self._projects.get(run.project_key)
        is_final = project.policy.landing is Landing.DONE and not await self._needs_review(run)
        task = await self._assignments.lock_task(run, by=by, may_finish=is_final)
        submission.check(task, project.policy)
        evidence = [
            Evidence(
                id=EvidenceId(new_id()),
                run_id=run.id,
                proof=proof,
                reported_at=now(),
                verdict=None,
                verdict_note="",
                verified_by=None,
                verified_at=None,
            )
            for proof in submission.proofs
        ]

        ending = Ending(
            state=RunState.ACCEPTED if is_final else RunState.SUBMITTED,
            reason=submission.summary[:REASON_SHOWN],
        )
        await self._assignments.finish_run(
            run,
            task,
            ending,
            TaskStatus.DONE if is_final else TaskStatus.IN_REVIEW,
            by=by,
            result=Result(
                summary=submission.summary,
                proved=tuple(submission.proved_items),
                paths=tuple(path for proof in submission.proofs for path in proof.paths),
            ),
        )
        await self._runs.add_evidence(evidence)
        return await self._assignments.get_run(run.id)

    async def release(self, run_id: RunId, reason: str, *, by: Actor) -> Run:
        """Give a task back, not done."""
        ending = Ending(state=RunState.RELEASED, reason=reason or f"{by.name} let it go.")
        return await self._ended(
            await self._assignments.own_run(run_id, by=by), ending, TaskStatus.TODO, by
        )

    async def fail(self, run_id: RunId, reason: str, *, is_final: bool, by: Actor) -> Run:
        """Say that it did not work out. A final failure puts the task aside until people look."""
        ending = Ending(state=RunState.FAILED, reason=reason)
        status = TaskStatus.DEFERRED if is_final else TaskStatus.TODO
        return await self._ended(await self._assignments.own_run(run_id, by=by), ending, status, by)

    async def cancel(self, run_id: RunId, reason: str, *, by: Actor) -> Run:
        """End somebody's run; its task can be taken again. People do, or the holder itself."""
        run = await self._assignments.get_run(run_id)
        if by.kind is ActorKind.AGENT:
            run = await self._assignments.own_run(run_id, by=by)
        ending = Ending(state=RunState.CANCELLED, reason=reason or f"{by.name} cancelled it.")
        return await self._ended(run, ending, TaskStatus.TODO, by)

    async def accept(self, run_id: RunId, note: str, *, by: Actor) -> Run:
        """Take submitted work: the task is done."""
        run = await self._assignments.get_run(run_id)
        ending = Ending(state=RunState.ACCEPTED, reason=note or f"{by.name} accepted it.")
        await self._assignments.judge(run, ending, TaskStatus.DONE, by=by)
        return await self._assignments.get_run(run.id)

    async def reject(self, run_id: RunId, reason: str, *, by: Actor) -> Run:
        """Send submitted work back with the reason, which whoever takes it next will read."""
        run = await self._assignments.get_run(run_id)
        ending = Ending(state=RunState.REJECTED, reason=reason)
        await self._assignments.judge(run, ending, TaskStatus.TODO, by=by)
        return await self._assignments.get_run(run.id)

    async def list_evidence(self, run_id: RunId) -> Sequence[Evidence]:
        run = await self._assignments.get_run(run_id)
        return await self._runs.list_evidence(run.id)

    async def verify(
        self, run_id: RunId, evidence_id: EvidenceId, verdict: Verdict, note: str, *, by: Actor
    ) -> Evidence:
        """Say whether what was reported is true; never of one's own."""
        run = await self._assignments.get_run(run_id)
        if run.holder.id == by.id:
            raise OwnRun
        old = await self._runs.get_evidence(run.id, evidence_id)
        new = replace(old, verdict=verdict, verdict_note=note, verified_by=by.id, verified_at=now())
        if (old.verdict, old.verdict_note) == (verdict, note):
            return old

        by = await self._assignments.beside(run, by=by)
        await self._runs.save_verdict(new)
        held = [
            one.proof.item_id
            for one in await self._runs.list_evidence(run.id)
            if one.proof.item_id and one.proof.speaks_for_it and one.verdict is not Verdict.REFUTED
        ]
        await self._assignments.amend(run.id, proved=sorted(set(held)))
        self._events.record(
            RunEvidenceVerified(
                task_id=run.task_id,
                project_id=run.project_id,
                key=run.task_key,
                run_id=run.id,
                fence=run.fence,
                holder_id=run.holder.id,
                evidence_id=new.id,
                verdict=verdict,
            ),
            by=by,
        )
        return new

    async def _ended(self, run: Run, ending: Ending, status: TaskStatus, by: Actor) -> Run:
        task = await self._assignments.lock_task(run, by=by)
        await self._assignments.finish_run(run, task, ending, status, by=by)
        return await self._assignments.get_run(run.id)

    async def _needs_review(self, run: Run) -> bool:
        if run.holder.kind is not ActorKind.AGENT:
            return False
        return (await self._agents.get(str(run.holder.id))).limits.needs_review
