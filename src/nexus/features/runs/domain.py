"""What a run says, asks and proves: pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from nexus.features.projects.domain import EvidenceKind, WorkPolicy
from nexus.features.runs.errors import (
    EvidenceIncomplete,
    EvidenceMissing,
    EvidenceOfNothing,
)
from nexus.features.tasks.choosing import PassedOver
from nexus.features.tasks.domain import Task
from nexus.features.tasks.holds import Claimed, Run, RunId
from nexus.platform.actor import ActorId

QuestionId = NewType("QuestionId", UUID)
EvidenceId = NewType("EvidenceId", UUID)

MAX_LINES = 20_000
"""Lines kept of one run; what comes after them is counted and dropped."""


class LineKind(StrEnum):
    NOTE = "note"
    OUTPUT = "output"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a run's log; a note is what it says to people."""

    number: int
    kind: LineKind
    text: str
    recorded_at: datetime


@dataclass(frozen=True, kw_only=True)
class Logged:
    """How far a log goes, and how much of what was sent did not fit any more."""

    last: int
    dropped: int


@dataclass(frozen=True, kw_only=True)
class Question:
    id: QuestionId
    run_id: RunId
    text: str
    options: tuple[str, ...]
    asked_at: datetime
    answer: str | None
    answered_by: ActorId | None
    answered_at: datetime | None


class Verdict(StrEnum):
    CONFIRMED = "confirmed"
    REFUTED = "refuted"


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What an agent reports in evidence of one acceptance item, or (None) of the whole task."""

    kind: EvidenceKind
    item_id: UUID | None = None
    sha: str = ""
    url: str = ""
    name: str = ""
    command: str = ""
    exit_code: int | None = None
    digest: str = ""
    conclusion: str = ""
    paths: tuple[str, ...] = ()

    def check(self) -> None:
        """Raises EvidenceIncomplete for a kind without what makes it one."""
        needed: Mapping[EvidenceKind, tuple[str, ...]] = {
            EvidenceKind.COMMIT: ("sha",),
            EvidenceKind.PULL_REQUEST: ("url",),
            EvidenceKind.CHECK: ("name", "conclusion"),
            EvidenceKind.COMMAND: ("command", "digest"),
            EvidenceKind.LINK: ("url",),
        }
        missing = [name for name in needed[self.kind] if not getattr(self, name)]
        if self.kind is EvidenceKind.COMMAND and self.exit_code is None:
            missing.append("exit_code")
        if missing:
            raise EvidenceIncomplete(kind=self.kind, missing=", ".join(missing), field="evidence")

    @property
    def speaks_for_it(self) -> bool:
        """A command that failed, or a check that did not succeed, proves nothing."""
        match self.kind:
            case EvidenceKind.COMMAND:
                return self.exit_code == 0
            case EvidenceKind.CHECK:
                return self.conclusion == "success"
            case _:
                return True


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A proof as it was reported, and, apart from it, what somebody found who looked."""

    id: EvidenceId
    run_id: RunId
    proof: Proof
    reported_at: datetime
    verdict: Verdict | None
    verdict_note: str
    verified_by: ActorId | None
    verified_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Submission:
    summary: str
    proofs: Sequence[Proof]

    def check(self, task: Task, policy: WorkPolicy) -> None:
        """Against what the project asks for. Raises what is wrong with it."""
        items = {item.id: item.text for item in task.acceptance}
        for proof in self.proofs:
            proof.check()
            if proof.item_id and proof.item_id not in items:
                raise EvidenceOfNothing(id=proof.item_id, key=task.key, field="evidence")
        if not policy.evidence:
            return
        proved = {
            proof.item_id
            for proof in self.proofs
            if proof.kind in policy.evidence and proof.speaks_for_it
        }
        if items and proved >= items.keys():
            return
        if not items and proved:
            return
        lacking = [text for item_id, text in items.items() if item_id not in proved]
        raise EvidenceMissing(
            key=task.key,
            what="; ".join(lacking) if lacking else "the task as a whole",
            kinds=", ".join(policy.evidence),
            items=[str(item_id) for item_id in items if item_id not in proved],
        )

    @property
    def proved_items(self) -> Collection[UUID]:
        return {one.item_id for one in self.proofs if one.item_id and one.speaks_for_it}


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A task that was given to somebody, with what they need to work on it."""

    task: Task
    claimed: Claimed
    reason: str
    passed_over: Sequence[PassedOver]
    earlier: Sequence[Run]


@dataclass(frozen=True, kw_only=True)
class Next:
    """What an agent would be given now, and why a task that was asked about is not it."""

    task: Task | None
    reason: str
    passed_over: Sequence[PassedOver]
    why_not: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Pulse:
    """What a heartbeat answers. `stop` says why the agent should stop, if it should."""

    run: Run
    expires_at: datetime | None
    stop: str | None
