"""Questions, submissions and evidence on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from nexus.features.projects.domain import EvidenceKind
from nexus.features.runs.domain import Evidence, Proof, Question, Submission, Verdict
from nexus.platform.fields import NO_NUL

Said = Annotated[str, Meta(pattern=NO_NUL, min_length=1, max_length=5000)]
Note = Annotated[str, Meta(pattern=NO_NUL, max_length=2000)]
Word = Annotated[str, Meta(pattern=NO_NUL, max_length=500)]
Glob = Annotated[str, Meta(pattern="^[^\\x00-\\x1f]+$", max_length=300)]


class QuestionIn(Struct, forbid_unknown_fields=True, frozen=True):
    """`options` are answers to choose from; others may be given all the same."""

    text: Said
    options: Annotated[list[Word], Meta(max_length=20)] = []


class AnswerIn(Struct, forbid_unknown_fields=True, frozen=True):
    answer: Said


class EvidenceIn(Struct, forbid_unknown_fields=True, frozen=True):
    """Evidence of one acceptance item, by its id, or (null) of the whole task.

    A `commit` needs `sha`, a `pull_request` or `link` needs `url`, a `check` needs `name` and
    `conclusion`, a `command` needs `command`, `exit_code` and `digest` (of its output). `paths`
    are the files it touched: the task learns them.
    """

    kind: EvidenceKind
    item: UUID | None = None
    sha: Annotated[str, Meta(pattern="^[0-9a-fA-F]{7,64}$|^$")] = ""
    url: Annotated[str, Meta(pattern="^https?://[^\\s\\x00-\\x1f]+$|^$", max_length=2000)] = ""
    name: Word = ""
    command: Note = ""
    exit_code: Annotated[int, Meta(ge=-255, le=255)] | None = None
    digest: Annotated[str, Meta(pattern=NO_NUL, max_length=200)] = ""
    conclusion: Annotated[str, Meta(pattern=NO_NUL, max_length=40)] = ""
    paths: Annotated[list[Glob], Meta(max_length=200)] = []

    def proof(self) -> Proof:
        return Proof(
            kind=self.kind,
            item_id=self.item,
            sha=self.sha,
            url=self.url,
            name=self.name,
            command=self.command,
            exit_code=self.exit_code,
            digest=self.digest,
            conclusion=self.conclusion,
            paths=tuple(self.paths),
        )


class SubmissionIn(Struct, forbid_unknown_fields=True, frozen=True):
    summary: Annotated[str, Meta(pattern=NO_NUL, min_length=1, max_length=20_000)]
    evidence: Annotated[list[EvidenceIn], Meta(max_length=200)] = []

    def submission(self) -> Submission:
        return Submission(summary=self.summary, proofs=[one.proof() for one in self.evidence])


class ReasonIn(Struct, forbid_unknown_fields=True, frozen=True):
    """Why, in words that others read."""

    reason: Word = ""


class FailureIn(Struct, forbid_unknown_fields=True, frozen=True):
    """`is_final`: another agent would fail too; people have to look first."""

    reason: Annotated[str, Meta(pattern=NO_NUL, min_length=1, max_length=500)]
    is_final: bool = False


class RejectionIn(Struct, forbid_unknown_fields=True, frozen=True):
    """What has to be done better; whoever takes the task next reads it."""

    reason: Annotated[str, Meta(pattern=NO_NUL, min_length=1, max_length=5000)]


class VerificationIn(Struct, forbid_unknown_fields=True, frozen=True):
    verdict: Verdict
    note: Note = ""


class QuestionOut(Struct, frozen=True):
    id: UUID
    run_id: UUID
    text: str
    options: list[str]
    asked_at: datetime
    answer: str | None
    answered_by: UUID | None
    answered_at: datetime | None

    @classmethod
    def of(cls, question: Question) -> "QuestionOut":
        return cls(
            id=question.id,
            run_id=question.run_id,
            text=question.text,
            options=list(question.options),
            asked_at=question.asked_at,
            answer=question.answer,
            answered_by=question.answered_by,
            answered_at=question.answered_at,
        )


class QuestionPage(Struct, frozen=True):
    items: list[QuestionOut]
    next_cursor: str | None


class EvidenceOut(Struct, frozen=True):
    """What was reported, and apart from it what somebody found who looked (`verdict`)."""

    id: UUID
    kind: EvidenceKind
    item: UUID | None
    sha: str
    url: str
    name: str
    command: str
    exit_code: int | None
    digest: str
    conclusion: str
    paths: list[str]
    reported_at: datetime
    verdict: Verdict | None
    verdict_note: str
    verified_by: UUID | None
    verified_at: datetime | None

    @classmethod
    def of(cls, evidence: Evidence) -> "EvidenceOut":
        proof = evidence.proof
        return cls(
            id=evidence.id,
            kind=proof.kind,
            item=proof.item_id,
            sha=proof.sha,
            url=proof.url,
            name=proof.name,
            command=proof.command,
            exit_code=proof.exit_code,
            digest=proof.digest,
            conclusion=proof.conclusion,
            paths=list(proof.paths),
            reported_at=evidence.reported_at,
            verdict=evidence.verdict,
            verdict_note=evidence.verdict_note,
            verified_by=evidence.verified_by,
            verified_at=evidence.verified_at,
        )


class EvidencePage(Struct, frozen=True):
    items: list[EvidenceOut]
    next_cursor: str | None
