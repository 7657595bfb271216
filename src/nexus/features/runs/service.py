"""The verbs of runs under way: signs of life, notes, logs, usage, questions."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nexus.features.agents.domain import Agent
from nexus.features.agents.service import AgentService
from nexus.features.budgets.service import BudgetService
from nexus.features.runs.domain import (
    MAX_LINES,
    Line,
    LineKind,
    Logged,
    Pulse,
    Question,
    QuestionId,
)
from nexus.features.runs.errors import OwnRun, QuestionAnswered
from nexus.features.runs.events import (
    RunAnswered,
    RunAsked,
    RunLogged,
    RunProgressed,
    RunUsed,
)
from nexus.features.runs.repository import RunRepository
from nexus.features.tasks.assignments import AssignmentService
from nexus.features.tasks.domain import TaskStatus
from nexus.features.tasks.errors import RunOver
from nexus.features.tasks.holds import Ending, Run, RunFilter, RunId, RunState, Usage
from nexus.platform.actor import Actor, ActorKind
from nexus.platform.clock import now
from nexus.platform.events import EventLog
from nexus.platform.ids import new_id
from nexus.platform.paging import Page


class RunService:
    def __init__(
        self,
        runs: RunRepository,
        assignments: AssignmentService,
        agents: AgentService,
        budgets: BudgetService,
        events: EventLog,
    ) -> None:
        self._runs = runs
        self._assignments = assignments
        self._agents = agents
        self._budgets = budgets
        self._events = events

    async def get(self, run_id: RunId) -> Run:
        return await self._assignments.get_run(run_id)

    async def list_runs(
        self, which: RunFilter, agent: str | None, task: str | None, cursor: str | None, limit: int
    ) -> Page[Run]:
        """Newest first, of one agent or one task where they are named."""
        if agent is not None:
            which = replace(which, actor_id=(await self._agents.get(agent)).id)
        if task is not None:
            return await self._assignments.list_runs(which, cursor, limit, task=task)
        return await self._assignments.list_runs(which, cursor, limit)

    async def heartbeat(self, run_id: RunId, lease_s: int | None, *, by: Actor) -> Pulse:
        """A sign of life: the lease lasts anew, and the agent hears whether it should stop."""
        run = await self._assignments.own_run(run_id, by=by)
        expires_at = await self._assignments.renew(run, lease_s, by=by)
        is_leased = run.lease_s is not None and lease_s is not None
        await self._assignments.note(run.id, **({"lease_s": lease_s} if is_leased else {}))
        agent = await self._agent_of(run)
        stop = None
        if agent and agent.pause:
            who = "All agents are" if agent.pause.is_for_all else f"{agent.name} is"
            stop = f"{who} paused: {agent.pause.reason or 'nobody said why'}."
        return Pulse(run=run, expires_at=expires_at, stop=stop)

    async def progress(self, run_id: RunId, progress: int | None, note: str, *, by: Actor) -> Run:
        """Say how far it is. It counts as a sign of life."""
        run, by = await self._renewed(run_id, by)
        values: dict[str, Any] = {"note": note}
        if progress is not None:
            values["progress"] = progress
        last = await self._runs.last_line(run.id)

        await self._assignments.note(run.id, **values)
        if last < MAX_LINES:
            line = Line(number=last + 1, kind=LineKind.NOTE, text=note, recorded_at=now())
            await self._runs.add_lines(run.id, [line])
        self._events.record(RunProgressed(**_about(run), progress=progress, note=note), by=by)
        return await self._assignments.get_run(run.id)

    async def log(
        self, run_id: RunId, lines: Sequence[tuple[LineKind, str]], *, by: Actor
    ) -> Logged:
        """Take in lines, as far as the log has room. It counts as a sign of life."""
        run, by = await self._renewed(run_id, by)
        last = await self._runs.last_line(run.id)
        kept = lines[: max(0, MAX_LINES - last)]
        at = now()

        await self._assignments.note(run.id)
        await self._runs.add_lines(
            run.id,
            [
                Line(number=number, kind=kind, text=text, recorded_at=at)
                for number, (kind, text) in enumerate(kept, start=last + 1)
            ],
        )
        if kept:
            last += len(kept)
            self._events.record(RunLogged(**_about(run), lines=len(kept), last=last), by=by)
        return Logged(last=last, dropped=len(lines) - len(kept))

    async def list_log(self, run_id: RunId, after: int, limit: int) -> Sequence[Line]:
        run = await self._assignments.get_run(run_id)
        return await self._runs.list_lines(run.id, after, limit)

    async def use(self, run_id: RunId, usage: Usage, model: str, *, by: Actor) -> tuple[Run, str]:
        """Put down tokens and money. Over a budget the lease ends: then the reason is not empty."""
        run, by = await self._renewed(run_id, by)
        total = await self._assignments.add_usage(run.id, usage, model)
        used = replace(run, usage=total, model=model or run.model)
        self._events.record(
            RunUsed(
                **_about(run),
                tokens_in=usage.tokens_in,
                tokens_out=usage.tokens_out,
                cost_micros=usage.cost_micros,
            ),
            by=by,
        )
        reason = await self._budgets.draw(used, usage)
        if reason is None:
            return used, ""
        ending = Ending(state=RunState.CANCELLED, reason=reason)
        task = await self._assignments.lock_task(run, by=by)
        await self._assignments.finish_run(run, task, ending, TaskStatus.TODO, by=by)
        return replace(used, state=RunState.CANCELLED, reason=reason), reason

    async def ask(self, run_id: RunId, text: str, options: Sequence[str], *, by: Actor) -> Question:
        """Ask a person. The run needs input until all its questions are answered."""
        run, by = await self._renewed(run_id, by)
        question = Question(
            id=QuestionId(new_id()),
            run_id=run.id,
            text=text,
            options=tuple(options),
            asked_at=now(),
            answer=None,
            answered_by=None,
            answered_at=None,
        )

        await self._runs.add_question(question)
        await self._assignments.note(run.id, state=RunState.NEEDS_INPUT.value)
        self._events.record(RunAsked(**_about(run), question_id=question.id, question=text), by=by)
        return question

    async def answer(
        self, run_id: RunId, question_id: QuestionId, answer: str, *, by: Actor
    ) -> Question:
        """Answer a question: a person does, or another agent, never the one that asked."""
        run = await self._assignments.get_run(run_id)
        await self._assignments.lock_run(run.id)  # answers at once must see each other
        question = await self._runs.get_question(run.id, question_id, lock=True)
        if run.holder.id == by.id:
            raise OwnRun
        if question.answer is not None:
            raise QuestionAnswered(answer=question.answer[:200])
        if not run.is_live:
            why = run.reason.rstrip(".") or "its lease has run out"
            raise RunOver(key=run.task_key, state=run.state.value, reason=why)
        by = await self._assignments.beside(run, by=by)
        answered = replace(question, answer=answer, answered_by=by.id, answered_at=now())

        await self._runs.save_answer(answered)
        if await self._runs.count_open_questions(run.id) == 0:
            await self._assignments.amend(run.id, state=RunState.WORKING)
        self._events.record(
            RunAnswered(**_about(run), question_id=question.id, answer=answer),
            by=by,
        )
        return answered

    async def get_question(self, run_id: RunId, question_id: QuestionId) -> Question:
        run = await self._assignments.get_run(run_id)
        return await self._runs.get_question(run.id, question_id)

    async def list_questions(self, run_id: RunId, cursor: str | None, limit: int) -> Page[Question]:
        run = await self._assignments.get_run(run_id)
        return await self._runs.list_questions(run.id, cursor, limit)

    async def _renewed(self, run_id: RunId, by: Actor) -> tuple[Run, Actor]:
        """The run with its lease renewed, and who writes in it."""
        run = await self._assignments.own_run(run_id, by=by)
        await self._assignments.renew(run, None, by=by)
        return run, replace(by, run_id=run.id, fence=run.fence)

    async def _agent_of(self, run: Run) -> Agent | None:
        if run.holder.kind is not ActorKind.AGENT:
            return None
        return await self._agents.get(str(run.holder.id))


def _about(run: Run) -> Any:
    """What every event about a run says."""
    return {
        "task_id": run.task_id,
        "project_id": run.project_id,
        "key": run.task_key,
        "run_id": run.id,
        "fence": run.fence,
        "holder_id": run.holder.id,
    }
