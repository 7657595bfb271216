"""Whether every open task can go on, and what is wrong with those that cannot: pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from nexus.features.tasks.domain import TaskId

MAX_SHOWN = 200


class Standing(StrEnum):
    """Why an open task is where it is."""

    READY = "ready"
    HELD = "held"
    WAITS_FOR_TASK = "waits_for_task"
    WAITS_FOR_PERSON = "waits_for_person"


class ViolationKind(StrEnum):
    LEASE_EXPIRED = "lease_expired"
    RUN_ADRIFT = "run_adrift"
    COUNTS_WRONG = "counts_wrong"
    UNLOCKS_WRONG = "unlocks_wrong"
    NOBODY_WORKS = "nobody_works"
    ASSIGNEES_GONE = "assignees_gone"
    PROJECT_ARCHIVED = "project_archived"
    SUBMISSION_ADRIFT = "submission_adrift"

    @property
    def is_safe(self) -> bool:
        """Whether it is mended without asking anybody."""
        return self in SAFE

    @property
    def repair(self) -> str:
        """What to do about it, in words."""
        return _REPAIRS[self]


SAFE = {
    ViolationKind.LEASE_EXPIRED,
    ViolationKind.RUN_ADRIFT,
    ViolationKind.COUNTS_WRONG,
    ViolationKind.UNLOCKS_WRONG,
}
_REPAIRS: Mapping[ViolationKind, str] = {
    ViolationKind.LEASE_EXPIRED: "Its lease has run out; the next claim or sweep lets it go.",
    ViolationKind.RUN_ADRIFT: "A run says that it works and holds nothing; the sweep ends it.",
    ViolationKind.COUNTS_WRONG: "What it waits for is counted wrongly; the sweep counts anew.",
    ViolationKind.UNLOCKS_WRONG: (
        "What it unlocks is counted wrongly, so it comes too early or too late among the ready "
        "ones; the nightly sweep counts anew."
    ),
    ViolationKind.NOBODY_WORKS: (
        "It is in progress, and nobody is said to work on it: assign somebody, hold it, or set it "
        "to 'todo'."
    ),
    ViolationKind.ASSIGNEES_GONE: (
        "All who are assigned have left: assign somebody else, or nobody."
    ),
    ViolationKind.PROJECT_ARCHIVED: (
        "It waits for an open task of an archived project, where nobody works: take the project "
        "out of the archive, finish that task, or remove the dependency."
    ),
    ViolationKind.SUBMISSION_ADRIFT: (
        "Work was submitted, and the task is not in review: accept or reject the run."
    ),
}


@dataclass(frozen=True, kw_only=True)
class Violation:
    task_id: TaskId
    key: str
    title: str
    kind: ViolationKind


@dataclass(frozen=True, kw_only=True)
class Liveness:
    """How many open tasks stand where, and what is wrong, the first 200 of it."""

    counts: Mapping[Standing, int]
    violations: Sequence[Violation]
