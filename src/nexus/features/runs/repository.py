"""What runs say, ask and prove, in and out of the database."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, func, insert, select, update

from nexus.features.projects.domain import EvidenceKind
from nexus.features.runs.domain import (
    Evidence,
    EvidenceId,
    Line,
    LineKind,
    Proof,
    Question,
    QuestionId,
    Verdict,
)
from nexus.features.runs.errors import EvidenceNotFound, QuestionNotFound
from nexus.features.runs.tables import RunLineRow, RunProofRow, RunQuestionRow
from nexus.features.tasks.holds import RunId
from nexus.platform.database import Transaction
from nexus.platform.paging import Page, page_of, read_cursor


class RunRepository:
    """Whoever calls it has seen to it that the run may be seen."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def last_line(self, run_id: RunId) -> int:
        found = await self._tx.execute(
            select(func.coalesce(func.max(RunLineRow.number), 0)).where(
                RunLineRow.workspace_id == self._tx.workspace_id, RunLineRow.run_id == run_id
            )
        )
        return found.scalar_one()

    async def add_lines(self, run_id: RunId, lines: Sequence[Line]) -> None:
        if lines:
            await self._tx.execute(
                insert(RunLineRow),
                [
                    {
                        "workspace_id": self._tx.workspace_id,
                        "run_id": run_id,
                        "number": line.number,
                        "kind": line.kind.value,
                        "text": line.text,
                        "recorded_at": line.recorded_at,
                    }
                    for line in lines
                ],
            )

    async def list_lines(self, run_id: RunId, after: int, limit: int) -> Sequence[Line]:
        found = await self._tx.execute(
            select(RunLineRow)
            .where(
                RunLineRow.workspace_id == self._tx.workspace_id,
                RunLineRow.run_id == run_id,
                RunLineRow.number > after,
            )
            .order_by(RunLineRow.number)
            .limit(limit)
        )
        return [
            Line(
                number=row.number,
                kind=LineKind(row.kind),
                text=row.text,
                recorded_at=row.recorded_at,
            )
            for row in found
        ]

    async def add_question(self, question: Question) -> None:
        await self._tx.execute(
            insert(RunQuestionRow).values(
                id=question.id,
                workspace_id=self._tx.workspace_id,
                run_id=question.run_id,
                text=question.text,
                options=list(question.options),
                asked_at=question.asked_at,
                answer=None,
                answered_by=None,
                answered_at=None,
            )
        )

    async def get_question(
        self, run_id: RunId, question_id: QuestionId, *, lock: bool = False
    ) -> Question:
        query = self._questions(run_id).where(RunQuestionRow.id == question_id)
        if lock:
            query = query.with_for_update(key_share=True)
        row = (await self._tx.execute(query)).first()
        if row is None:
            raise QuestionNotFound(id=question_id)
        return _question(row)

    async def list_questions(self, run_id: RunId, cursor: str | None, limit: int) -> Page[Question]:
        query = self._questions(run_id).order_by(RunQuestionRow.id).limit(limit + 1)
        if cursor:
            (last,) = read_cursor("questions", cursor, tuple[UUID])
            query = query.where(RunQuestionRow.id > last)
        found = [_question(row) for row in await self._tx.execute(query)]
        return page_of(found, limit, "questions", lambda one: (one.id,))

    async def count_open_questions(self, run_id: RunId) -> int:
        found = await self._tx.execute(
            select(func.count()).where(
                RunQuestionRow.workspace_id == self._tx.workspace_id,
                RunQuestionRow.run_id == run_id,
                RunQuestionRow.answered_at.is_(None),
            )
        )
        return found.scalar_one()

    async def save_answer(self, question: Question) -> None:
        await self._tx.execute(
            update(RunQuestionRow)
            .where(
                RunQuestionRow.workspace_id == self._tx.workspace_id,
                RunQuestionRow.id == question.id,
            )
            .values(
                answer=question.answer,
                answered_by=question.answered_by,
                answered_at=question.answered_at,
            )
        )

    async def add_evidence(self, evidence: Sequence[Evidence]) -> None:
        if evidence:
            await self._tx.execute(
                insert(RunProofRow),
                [
                    {
                        "id": one.id,
                        "workspace_id": self._tx.workspace_id,
                        "run_id": one.run_id,
                        "kind": one.proof.kind.value,
                        "item": str(one.proof.item_id) if one.proof.item_id else None,
                        "proof": msgspec.to_builtins(one.proof),
                        "reported_at": one.reported_at,
                        "verdict": None,
                        "verdict_note": "",
                        "verified_by": None,
                        "verified_at": None,
                    }
                    for one in evidence
                ],
            )

    async def list_evidence(self, run_id: RunId) -> Sequence[Evidence]:
        """All of it: a submission carries 200 pieces at most."""
        found = await self._tx.execute(self._evidence(run_id).order_by(RunProofRow.id))
        return [_evidence(row) for row in found]

    async def get_evidence(self, run_id: RunId, evidence_id: EvidenceId) -> Evidence:
        query = self._evidence(run_id).where(RunProofRow.id == evidence_id)
        row = (await self._tx.execute(query.with_for_update(key_share=True))).first()
        if row is None:
            raise EvidenceNotFound(id=evidence_id)
        return _evidence(row)

    async def save_verdict(self, evidence: Evidence) -> None:
        await self._tx.execute(
            update(RunProofRow)
            .where(
                RunProofRow.workspace_id == self._tx.workspace_id,
                RunProofRow.id == evidence.id,
            )
            .values(
                verdict=evidence.verdict.value if evidence.verdict else None,
                verdict_note=evidence.verdict_note,
                verified_by=evidence.verified_by,
                verified_at=evidence.verified_at,
            )
        )

    def _questions(self, run_id: RunId) -> Any:
        return select(*RunQuestionRow.__table__.columns).where(
            RunQuestionRow.workspace_id == self._tx.workspace_id, RunQuestionRow.run_id == run_id
        )

    def _evidence(self, run_id: RunId) -> Any:
        return select(*RunProofRow.__table__.columns).where(
            RunProofRow.workspace_id == self._tx.workspace_id, RunProofRow.run_id == run_id
        )


def _question(row: Row[Any]) -> Question:
    return Question(
        id=QuestionId(row.id),
        run_id=RunId(row.run_id),
        text=row.text,
        options=tuple(row.options),
        asked_at=row.asked_at,
        answer=row.answer,
        answered_by=row.answered_by,
        answered_at=row.answered_at,
    )


def _evidence(row: Row[Any]) -> Evidence:
    return Evidence(
        id=EvidenceId(row.id),
        run_id=RunId(row.run_id),
        proof=msgspec.convert(row.proof | {"kind": EvidenceKind(row.kind)}, Proof),
        reported_at=row.reported_at,
        verdict=Verdict(row.verdict) if row.verdict else None,
        verdict_note=row.verdict_note,
        verified_by=row.verified_by,
        verified_at=row.verified_at,
    )
