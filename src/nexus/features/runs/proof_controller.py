"""Questions of runs and the evidence of submissions over HTTP."""

import time
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, get, post, put
from litestar.di import Provide
from litestar.params import QueryParameter
from litestar.status_codes import HTTP_200_OK

from nexus.features.runs.domain import EvidenceId, QuestionId
from nexus.features.runs.dto import MAX_WAIT_S
from nexus.features.runs.proof_dto import (
    AnswerIn,
    EvidenceOut,
    EvidencePage,
    QuestionIn,
    QuestionOut,
    QuestionPage,
    VerificationIn,
)
from nexus.features.runs.reviewing import ReviewService
from nexus.features.runs.service import RunService
from nexus.features.runs.wiring import review_service, run_service
from nexus.features.tasks.holds import RunId
from nexus.platform.actor import Actor
from nexus.platform.database import Transaction
from nexus.platform.http.answers import CursorParameter, Limit, paged
from nexus.platform.http.guards import may
from nexus.platform.wakeups import Wakeups

LOOKS_AFTER_S = 2.0
"""How often an answer is looked for though nobody was told: another process may not tell."""


class QuestionController(Controller):
    path = "/runs/{run_id:uuid}/questions"
    tags = ["Runs"]
    dependencies = {"runs": Provide(run_service, sync_to_thread=False)}

    @get(
        guards=[may("tasks:read")],
        operation_id="listRunQuestions",
        summary="List what a run asked, oldest first",
    )
    async def list_questions(
        self,
        run_id: UUID,
        request: Request[Any, Any, Any],
        runs: RunService,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[QuestionPage]:
        page = await runs.list_questions(RunId(run_id), cursor, limit)
        items = [QuestionOut.of(one) for one in page.items]
        return paged(request, QuestionPage(items=items, next_cursor=page.next_cursor))

    @post(
        guards=[may("tasks:claim")],
        operation_id="askRun",
        summary="Ask a person; keep the lease alive while you wait",
    )
    async def ask(
        self, run_id: UUID, data: QuestionIn, runs: RunService, actor: Actor
    ) -> QuestionOut:
        return QuestionOut.of(await runs.ask(RunId(run_id), data.text, data.options, by=actor))

    @get(
        "/{question_id:uuid}",
        guards=[may("tasks:read")],
        operation_id="getRunQuestion",
        summary="Get a question, or wait for its answer",
    )
    async def get_question(
        self,
        run_id: UUID,
        question_id: UUID,
        runs: RunService,
        tx: Transaction,
        wakeups: Wakeups,
        actor: Actor,
        wait: Annotated[
            float,
            QueryParameter(
                required=False,
                ge=0,
                le=MAX_WAIT_S,
                description="Hold the answer until there is one, for so many seconds at most.",
            ),
        ] = 0,
    ) -> QuestionOut:
        until_s = time.monotonic() + wait
        while True:
            question = await runs.get_question(RunId(run_id), QuestionId(question_id))
            left_s = until_s - time.monotonic()
            if question.answer is not None or left_s <= 0:
                return QuestionOut.of(question)
            await tx.let_go()
            await wakeups.until_told(actor.workspace_id, min(left_s, LOOKS_AFTER_S))

    @put(
        "/{question_id:uuid}/answer",
        status_code=HTTP_200_OK,
        guards=[may("tasks:write")],
        operation_id="answerRun",
        summary="Answer a question of a run",
    )
    async def answer(
        self, run_id: UUID, question_id: UUID, data: AnswerIn, runs: RunService, actor: Actor
    ) -> QuestionOut:
        answered = await runs.answer(RunId(run_id), QuestionId(question_id), data.answer, by=actor)
        return QuestionOut.of(answered)


class EvidenceController(Controller):
    path = "/runs/{run_id:uuid}/evidence"
    tags = ["Runs"]
    dependencies = {"reviews": Provide(review_service, sync_to_thread=False)}

    @get(
        guards=[may("tasks:read")],
        operation_id="listRunEvidence",
        summary="List what a run reported in evidence, and what was found true",
    )
    async def list_evidence(self, run_id: UUID, reviews: ReviewService) -> EvidencePage:
        found = await reviews.list_evidence(RunId(run_id))
        return EvidencePage(items=[EvidenceOut.of(one) for one in found], next_cursor=None)

    @put(
        "/{evidence_id:uuid}/verification",
        status_code=HTTP_200_OK,
        guards=[may("tasks:write")],
        operation_id="verifyRunEvidence",
        summary="Say whether what was reported is true",
    )
    async def verify(
        self,
        run_id: UUID,
        evidence_id: UUID,
        data: VerificationIn,
        reviews: ReviewService,
        actor: Actor,
    ) -> EvidenceOut:
        evidence = await reviews.verify(
            RunId(run_id), EvidenceId(evidence_id), data.verdict, data.note, by=actor
        )
        return EvidenceOut.of(evidence)
