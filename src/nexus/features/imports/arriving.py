"""The first phase of an import: records become tasks, or change those that they became before."""

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nexus.features.comments.service import CommentService
from nexus.features.imports.domain import (
    Import,
    ImportRecord,
    ImportReport,
    ListReport,
    Note,
    Outcome,
    ParsedTask,
)
from nexus.features.imports.merging import Merge, base_of, is_same, merged, scored
from nexus.features.imports.outgoing import said_by
from nexus.features.imports.repository import ImportRepository
from nexus.features.imports.sources import SourceRepository
from nexus.features.tasks.arrivals import TaskIntake
from nexus.features.tasks.domain import ImportedTask, Task, TaskEdit, TaskFields, TaskId
from nexus.features.tasks.errors import TaskArchived
from nexus.features.tasks.service import TaskService
from nexus.platform.actor import Actor
from nexus.platform.errors import AppError
from nexus.platform.ids import new_id

_LATER = ("depends_on", "links", "status", "score", "left_out")
"""What of a base another phase or another file brings up to date."""

NOT_IMPORTED = "This task was not imported from the file that the scores belong to."


@dataclass(kw_only=True)
class Decision:
    """What is to be done with a record. `gains`: a task of long standing will wait for more."""

    record: ParsedTask
    outcome: Outcome
    task_id: TaskId | None = None
    key: str | None = None
    parent_id: TaskId | None = None
    merge: Merge | None = None
    base: Mapping[str, Any] = field(default_factory=dict[str, Any])
    is_base_new: bool = True
    comments_here: frozenset[str] = frozenset()
    gains: bool = False
    notes: list[Note] = field(default_factory=list[Note])


class RecordWriter:
    def __init__(
        self,
        imports: ImportRepository,
        sources: SourceRepository,
        tasks: TaskService,
        intake: TaskIntake,
        comments: CommentService,
    ) -> None:
        self._imports = imports
        self._sources = sources
        self._tasks = tasks
        self._intake = intake
        self._comments = comments

    async def write(
        self,
        one: Import,
        records: Sequence[ParsedTask],
        *,
        unnamed: Container[str],
        by: Actor,
    ) -> Import:
        """Take in the next records. Of a dry run only what would have come of them is kept.

        `unnamed` are the lists without a name of their own.
        """
        decisions = await self._decide(one, records)
        await self._foresee_scores(one, decisions)
        if not one.is_dry_run:
            merges = [(d, d.merge) for d in decisions if d.merge]
            has_parents = any(d.parent_id for d in decisions if d.outcome is Outcome.CREATED)
            if has_parents or any(
                d.gains or (d.merge and d.merge.is_new_parent) for d in decisions
            ):
                await self._intake.lock()  # the graph's lock comes before those of tasks
            await self._add(one, decisions, unnamed, by)
            await self._intake.hold_up([d.task_id for d in decisions if d.gains and d.task_id])
            for decision, merge in merges:
                await self._change(one, decision, merge, by)
        await self._imports.add_records(
            one.id,
            [
                _reported(decision, position, is_dry_run=one.is_dry_run)
                for position, decision in enumerate(decisions, start=one.position + 1)
            ],
        )
        return replace(
            one,
            position=one.position + len(records),
            report=_counted(one.report, one.projects, decisions),
        )

    async def _decide(self, one: Import, records: Sequence[ParsedTask]) -> list[Decision]:
        known: dict[tuple[str, str], TaskId] = {}
        for name in {record.list for record in records}:
            wanted = {r.id for r in records if r.list == name}
            wanted |= {r.parent for r in records if r.list == name and r.parent}
            found = await self._sources.list_ids(one.source, name, wanted)
            known |= {(name, external_id): task_id for external_id, task_id in found.items()}
        met = [known[r.list, r.id] for r in records if (r.list, r.id) in known]
        bases = await self._sources.list_bases(met) if met else {}
        for name in {record.list for record in records}:
            wanted = {
                bases[known[name, r.id]].get("parent")
                for r in records
                if r.list == name and (name, r.id) in known
            }
            missing = {one for one in wanted if one and (name, one) not in known}
            if missing:
                found = await self._sources.list_ids(one.source, name, missing)
                known |= {(name, external_id): task_id for external_id, task_id in found.items()}
        tasks = await self._tasks.list_by_ids(met) if met else {}
        decisions: list[Decision] = []
        for record in records:
            task_id = known.get((record.list, record.id))
            if task_id and task_id in tasks:
                decision = self._merged(one, record, tasks[task_id], bases[task_id], known)
            elif task_id:
                decision = _set_aside(record, "hidden", "It is in a project that you cannot see.")
            else:
                decision = _new(one, record)
            decision.parent_id = known.get((record.list, record.parent or ""))
            if decision.task_id:
                known[record.list, record.id] = decision.task_id
            decisions.append(decision)
        return decisions

    def _merged(
        self,
        one: Import,
        record: ParsedTask,
        ours: Task,
        base: Mapping[str, Any],
        known: Mapping[tuple[str, str], TaskId],
    ) -> Decision:
        before, theirs = base, base_of(record)
        if record.is_deleted:
            theirs = {**base, "custom": base.get("custom", {})}
        elif record.set_aside:
            return _new(one, record)
        elif one.is_partial:
            before, theirs = scored(base, record.complexity)
        merge = merged(before, theirs, ours, our_parent=_our_parent(record, ours, base, known))
        notes = [*record.notes]
        if ours.archived_at and merge.changed:
            notes.append(Note(code="not_applied", message=str(TaskArchived(key=ours.key))))
            merge = Merge(edit=TaskEdit())
        if merge.changed:
            names = ", ".join(merge.changed)
            notes.append(Note(code="merged", message=f"Changed there and taken over: {names}."))
        for name in merge.conflicts:
            message = f"'{name}' was changed there and here; what stands here was kept."
            notes.append(Note(code="conflict", message=message))
        if one.is_partial:
            fresh = {**base, "score": record.complexity}
        else:  # the next phase compares these with what they were
            fresh = {**theirs, **{name: base[name] for name in _LATER if name in base}}
        gains = not one.is_partial and bool(
            set(record.depends_on) - set(base.get("depends_on") or ())
        )
        return Decision(
            record=record,
            outcome=Outcome.UPDATED if merge.changed else Outcome.UNCHANGED,
            task_id=ours.id,
            key=ours.key,
            merge=merge,
            base=fresh,
            is_base_new=gains or not is_same(fresh, base),
            comments_here=frozenset(base.get("comments") or ()),
            gains=gains,
            notes=notes,
        )

    async def _foresee_scores(self, one: Import, decisions: Sequence[Decision]) -> None:
        """Say how many subtasks have a score from their parent."""
        if not one.is_partial:
            return
        for decision in decisions:
            if decision.task_id and decision.record.complexity:
                count = await self._tasks.count_unscored_below(decision.task_id)
                if count:
                    message = f"Its {count} subtasks without a score of their own have it too."
                    decision.notes.append(Note(code="passed_on", message=message))

    async def _add(
        self, one: Import, decisions: Sequence[Decision], unnamed: Container[str], by: Actor
    ) -> None:
        created = [d for d in decisions if d.outcome is Outcome.CREATED]
        if not created:
            return
        arrivals = [_arrival(one, decision, unnamed) for decision in created]
        keys = await self._intake.add(arrivals, import_id=one.id, by=by)
        await self._sources.add([_source_row(one, decision) for decision in created])
        for decision, arrival in zip(created, arrivals, strict=True):
            decision.key = keys[arrival.id]
        await self._comment(created, by)

    async def _change(self, one: Import, decision: Decision, merge: Merge, by: Actor) -> None:
        ref = str(decision.task_id)
        edit = merge.edit.copy()
        if merge.is_new_parent:
            edit["parent"] = str(decision.parent_id) if decision.parent_id else None
        try:
            if edit:
                await self._tasks.update(ref, edit, version=None, by=by)
        except AppError as error:
            decision.outcome = Outcome.UNCHANGED
            decision.notes.append(Note(code="not_applied", message=str(error)))
        if one.is_partial and decision.record.complexity and decision.task_id:
            await self._tasks.pass_on_complexity(decision.task_id, by=by)
        await self._comment([decision], by)
        original = None if one.is_partial else decision.record.original
        if decision.task_id and decision.is_base_new:
            await self._sources.save_base(decision.task_id, one.id, dict(decision.base), original)

    async def _comment(self, decisions: Sequence[Decision], by: Actor) -> None:
        said = [
            (decision.task_id, said_by(comment.author, comment.text), comment.created_at)
            for decision in decisions
            for comment in decision.record.comments
            if decision.task_id and comment.id not in decision.comments_here
        ]
        if said:
            await self._comments.take_in(said, by=by)


def _new(one: Import, record: ParsedTask) -> Decision:
    notes = [*record.notes]
    why = record.set_aside or (NOT_IMPORTED if one.is_partial else None)
    if why is None:
        return Decision(
            record=record, outcome=Outcome.CREATED, task_id=TaskId(new_id()), notes=notes
        )
    return _set_aside(record, "set_aside", why)


def _set_aside(record: ParsedTask, code: str, why: str) -> Decision:
    notes = list(record.notes) or [Note(code=code, message=why)]
    return Decision(record=record, outcome=Outcome.SET_ASIDE, notes=notes)


def _our_parent(
    record: ParsedTask,
    ours: Task,
    base: Mapping[str, Any],
    known: Mapping[tuple[str, str], TaskId],
) -> str | None:
    """The parent that the task has here, by the id of the file where it is one of its records."""
    for name in (record.parent, base.get("parent")):
        if ours.parent_id == known.get((record.list, name or "")):
            return name
    return f"here:{ours.parent_id}"


def _arrival(one: Import, decision: Decision, unnamed: Container[str]) -> ImportedTask:
    record = decision.record
    label = None if record.list in unnamed else one.label_of(record.list)
    return ImportedTask(
        id=TaskId(decision.task_id or new_id()),
        project=one.projects[record.list],
        fields=TaskFields(
            title=record.title,
            description=record.description,
            details=record.details,
            test_strategy=record.test_strategy,
            priority=record.priority,
            due_on=record.due_on,
            custom=record.custom,
            complexity_given=record.complexity,
        ),
        status=record.status,
        acceptance=record.acceptance,
        labels=(*record.labels, label) if label else record.labels,
        parent_id=decision.parent_id,
        created_at=record.created_at,
        updated_at=record.updated_at,
        started_at=record.started_at,
        finished_at=record.finished_at,
    )


def _source_row(one: Import, decision: Decision) -> dict[str, Any]:
    """The base of a new task has no dependencies and links yet: they come in the next phase."""
    record = decision.record
    return {
        "task_id": decision.task_id,
        "import_id": one.id,
        "source": one.source,
        "list": record.list,
        "external_id": record.id,
        "project": one.projects[record.list],
        "original": record.original,
        "imported": {**base_of(record), "depends_on": [], "links": []},
    }


def _reported(decision: Decision, position: int, *, is_dry_run: bool) -> ImportRecord:
    is_made_up = is_dry_run and decision.outcome is Outcome.CREATED
    return ImportRecord(
        position=position,
        list=decision.record.list,
        external_id=decision.record.id,
        outcome=decision.outcome,
        task_id=None if is_made_up else decision.task_id,
        key=decision.key,
        notes=decision.notes,
        original=decision.record.original if decision.outcome is Outcome.SET_ASIDE else None,
    )


def _counted(
    report: ImportReport, projects: Mapping[str, str], decisions: Sequence[Decision]
) -> ImportReport:
    outcomes = Counter(decision.outcome for decision in decisions)
    notes = Counter(report.notes)
    mapped = Counter(report.mapped)
    lists = {one.name: one for one in report.lists}
    for decision in decisions:
        record = decision.record
        notes.update(note.code for note in decision.notes)
        if decision.outcome is Outcome.SET_ASIDE or record.list not in projects:
            continue
        mapped.update(_mappings(record))
        counted = lists.get(record.list) or ListReport(
            name=record.list, project=projects[record.list]
        )
        if record.parent:
            lists[record.list] = replace(counted, subtasks=counted.subtasks + 1)
        else:
            lists[record.list] = replace(counted, tasks=counted.tasks + 1)
    return replace(
        report,
        lists=list(lists.values()),
        created=report.created + outcomes[Outcome.CREATED],
        updated=report.updated + outcomes[Outcome.UPDATED],
        unchanged=report.unchanged + outcomes[Outcome.UNCHANGED],
        set_aside=report.set_aside + outcomes[Outcome.SET_ASIDE],
        notes=dict(notes),
        mapped=dict(mapped),
    )


def _mappings(record: ParsedTask) -> list[str]:
    ours = {
        "status": record.status.value,
        "priority": record.priority.word,
        "type": f"label {record.given.get('type')}",
    }
    return [
        f"{name}: {word} -> {ours[name]}"
        for name, word in record.given.items()
        if name in ours and word != ours[name]
    ]
