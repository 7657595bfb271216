"""Liveness on the wire."""

from uuid import UUID

from msgspec import Struct

from nexus.features.tasks.liveness import Liveness, Standing, Violation, ViolationKind


class ViolationOut(Struct, frozen=True):
    """A task that cannot go on. `is_safe`: it is mended without asking, within the hour."""

    task_id: UUID
    task: str
    title: str
    kind: ViolationKind
    repair: str
    is_safe: bool

    @classmethod
    def of(cls, violation: Violation) -> "ViolationOut":
        return cls(
            task_id=violation.task_id,
            task=violation.key,
            title=violation.title,
            kind=violation.kind,
            repair=violation.kind.repair,
            is_safe=violation.kind.is_safe,
        )


class LivenessOut(Struct, frozen=True):
    """How many open tasks are ready, held by a live hold, wait for a task or for a person.

    `violations` are those that can never go on as they are, 200 at most.
    """

    is_live: bool
    ready: int
    held: int
    waits_for_task: int
    waits_for_person: int
    violations: list[ViolationOut]

    @classmethod
    def of(cls, found: Liveness) -> "LivenessOut":
        return cls(
            is_live=not found.violations,
            ready=found.counts.get(Standing.READY, 0),
            held=found.counts.get(Standing.HELD, 0),
            waits_for_task=found.counts.get(Standing.WAITS_FOR_TASK, 0),
            waits_for_person=found.counts.get(Standing.WAITS_FOR_PERSON, 0),
            violations=[ViolationOut.of(one) for one in found.violations],
        )
