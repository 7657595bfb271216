"""The later phases of an import: what waits for what, and the columns that follow from it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from uuid import UUID

from nexus.features.imports.domain import (
    Backlog,
    Import,
    ImportRecord,
    ImportReport,
    Note,
    Outcome,
    ParsedTask,
)
from nexus.features.imports.merging import is_same
from nexus.features.imports.repository import ImportRepository
from nexus.features.imports.sources import SourceRepository
from nexus.features.tasks.arrivals import GraphIntake, TaskIntake, Unlocks, WorkspaceGraph
from nexus.features.tasks.domain import NewLink, TaskId, TaskStatus
from nexus.features.tasks.service import TaskService
from nexus.platform.actor import Actor
from nexus.platform.errors import AppError
from nexus.platform.ids import new_id

LOOKED_UP = 500

Pair = tuple[TaskId, TaskId]
Name = tuple[str, str]
"""The list and the id of a record."""

Part = tuple[ParsedTask, ImportRecord]
Remark = Callable[[int, str, str], None]
"""Takes the position of a record, a note's code and its message."""


@dataclass(kw_only=True)
class Plan:
    """Which dependencies of the file fit into the graph as it was when they were tried."""

    graph: WorkspaceGraph
    ids: dict[Name, TaskId] = field(default_factory=dict[Name, TaskId])
    fitting: set[Pair] = field(default_factory=set[Pair])


class EdgeWriter:
    def __init__(
        self,
        imports: ImportRepository,
        sources: SourceRepository,
        intake: TaskIntake,
        graph: GraphIntake,
        tasks: TaskService,
    ) -> None:
        self._imports = imports
        self._sources = sources
        self._tasks = tasks
        self._intake = intake
        self._graph = graph

    async def plan(self, one: Import, backlog: Backlog) -> Plan:
        """Try all dependencies of a file at once, outside any transaction."""
        plan = Plan(graph=await self._graph.load())
        wanted = await asyncio.to_thread(_wanted, backlog)
        names = {name for pair in wanted for name in pair}
        parents = await asyncio.to_thread(_parents, backlog) if one.is_dry_run else {}
        names |= parents.keys()
        for list_name in {name for name, _ in names}:
            ids = [external_id for name, external_id in names if name == list_name]
            for start in range(0, len(ids), LOOKED_UP):
                found = await self._sources.list_ids(
                    one.source, list_name, ids[start : start + LOOKED_UP]
                )
                plan.ids |= {(list_name, ext): task_id for ext, task_id in found.items()}
        self._imagine(plan, parents)
        pairs = [
            (plan.ids[task], plan.ids[on])
            for task, on in wanted
            if task in plan.ids and on in plan.ids
        ]
        pairs = [pair for pair in pairs if plan.graph.knows(*pair)]
        fits = await asyncio.to_thread(plan.graph.fitting, pairs)
        plan.fitting = {pair for pair, is_fit in zip(pairs, fits, strict=True) if is_fit}
        return plan

    def _imagine(self, plan: Plan, parents: Mapping[Name, Name | None]) -> None:
        """Tasks that a dry run does not make, so that circles through them are seen."""
        new = [name for name in parents if name not in plan.ids]
        plan.ids |= {name: TaskId(new_id()) for name in new}
        for name in new:
            parent = parents[name]
            plan.graph.add_new(plan.ids[name], plan.ids[parent] if parent else None)

    async def write(
        self, one: Import, plan: Plan, records: Sequence[ParsedTask], *, by: Actor
    ) -> Import:
        """The dependencies and links of the next records."""
        if not one.is_dry_run:
            await self._graph.lock()
        positions = range(one.position + 1, one.position + len(records) + 1)
        written = await self._imports.list_records(one.id, positions)
        parts = [
            (record, written[position])
            for record, position in zip(records, positions, strict=True)
            if written[position].outcome is not Outcome.SET_ASIDE
        ]
        notes: dict[int, list[Note]] = {}

        def remark(position: int, code: str, message: str) -> None:
            notes.setdefault(position, []).append(Note(code=code, message=message))

        task_ids = [TaskId(was.task_id) for _, was in parts if was.task_id]
        bases = await self._sources.list_bases(task_ids)
        if one.is_partial:
            counts: dict[str, int] = {}
        elif one.is_dry_run:
            counts = _planned(plan, parts, bases, remark)
        else:
            counts = await self._write(one, plan, parts, bases, remark, by)
        await self._imports.save_records(one.id, [_with(written[p], n) for p, n in notes.items()])
        return replace(
            one,
            position=positions[-1],
            report=_counted(one.report, written, counts, notes),
        )

    async def _write(
        self,
        one: Import,
        plan: Plan,
        parts: Sequence[Part],
        bases: Mapping[TaskId, Mapping[str, Any]],
        remark: Remark,
        by: Actor,
    ) -> dict[str, int]:
        counts: Counter[str] = Counter()
        fresh: dict[Pair, int] = {}
        links: list[NewLink] = []
        left_out: dict[TaskId, list[str]] = {}
        for record, was in parts:
            task_id = TaskId(was.task_id or UUID(int=0))
            base = bases[task_id]
            before = set[str](base.get("depends_on") or ())
            fitting, said = _edges(plan, record, task_id)
            for note in said:
                remark(was.position, *note)
            counts[record.list] += len(fitting)
            left_out[task_id] = [on for on in record.depends_on if on not in fitting]
            if was.outcome is Outcome.CREATED:
                fresh |= dict.fromkeys(fitting.values(), was.position)
            else:
                added = {on: pair for on, pair in fitting.items() if on not in before}
                await self._depend(added, was.position, remark, by)
                gone = before - set(record.depends_on)
                await self._undepend(one, record, task_id, gone, partial(remark, was.position), by)
            links += await self._links(one, record, task_id, base.get("links") or [])
        names = {task_id: external_id for (_, external_id), task_id in plan.ids.items()}
        for pair in await self._graph.add(list(fresh), known=plan.graph, by=by) if fresh else ():
            remark(fresh[pair], "cycle", "One of its dependencies would close a circle by now.")
            left_out[pair[0]].append(names[pair[1]])
        await self._intake.add_links(links)
        changed: dict[TaskId, dict[str, Any]] = {}
        for record, was in parts:
            task_id = TaskId(was.task_id or UUID(int=0))
            if was.outcome is not Outcome.CREATED:
                await self._set_status(record, task_id, bases[task_id], was.position, remark, by)
            kept = {**bases[task_id], **_connections(record, left_out[task_id])}
            if not is_same(kept, bases[task_id]):
                changed[task_id] = kept
        await self._sources.save_connections(changed, one.id)
        return counts

    async def _depend(
        self, added: Mapping[str, Pair], position: int, remark: Remark, by: Actor
    ) -> None:
        there = await self._graph.existing(list(added.values())) if added else set[Pair]()
        for on, pair in added.items():
            if pair in there:
                continue
            try:
                await self._graph.depend(*pair, by=by)
                remark(position, "merged", f"It waits for {on} now, as it does there.")
            except AppError as error:
                remark(position, "not_applied", str(error))

    async def _undepend(
        self,
        one: Import,
        record: ParsedTask,
        task_id: TaskId,
        gone: set[str],
        remark: Callable[[str, str], None],
        by: Actor,
    ) -> None:
        ids = await self._sources.list_ids(one.source, record.list, gone) if gone else {}
        there = await self._graph.existing([(task_id, on) for on in ids.values()]) if ids else ()
        for name, on in ids.items():
            if (task_id, on) not in there:
                continue
            try:
                await self._graph.undepend(task_id, on, by=by)
                remark("merged", f"It no longer waits for {name}, as it does not there.")
            except AppError as error:
                remark("not_applied", str(error))

    async def _set_status(
        self,
        record: ParsedTask,
        task_id: TaskId,
        base: Mapping[str, Any],
        position: int,
        remark: Remark,
        by: Actor,
    ) -> None:
        """Bring in a status that was changed there, now that the dependencies are right."""
        there = _status_there(record)
        was = base.get("status", there.value)
        if there.value == was:
            return
        here = (await self._tasks.brief(str(task_id))).status
        if here is there:
            return
        if here.value != was:
            message = "'status' was changed there and here; what stands here was kept."
            remark(position, "conflict", message)
            return
        try:
            if here.is_finished and there is not TaskStatus.TODO:  # by way of a reopening
                await self._tasks.set_status(str(task_id), TaskStatus.TODO, version=None, by=by)
            await self._tasks.set_status(str(task_id), there, version=None, by=by)
            remark(position, "merged", "Changed there and taken over: status.")
        except AppError as error:
            remark(position, "not_applied", str(error))

    async def _links(
        self, one: Import, record: ParsedTask, task_id: TaskId, before: list[list[str | None]]
    ) -> list[NewLink]:
        fresh = [link for link in record.links if [link.kind, link.to, link.url] not in before]
        wanted = {link.to for link in fresh if link.to}
        if not fresh:
            return []
        ids = await self._sources.list_ids(one.source, record.list, wanted) if wanted else {}
        return [
            NewLink(
                task_id=task_id,
                kind=link.kind,
                other_id=ids.get(link.to) if link.to else None,
                url=link.url,
            )
            for link in fresh
            if link.url or link.to in ids
        ]


class ColumnSettler:
    """Brings what tasks wait for and unlock in line with the graph, after an import."""

    def __init__(self, sources: SourceRepository, graph: GraphIntake) -> None:
        self._sources = sources
        self._graph = graph

    async def load(self, one: Import) -> tuple[WorkspaceGraph, list[TaskId]]:
        """The graph, and the tasks of an import with those that they are part of."""
        graph = await self._graph.load()
        mine = set(await self._sources.list_task_ids(one.id))
        concerned = mine | graph.parents_of(mine) | graph.below(mine)
        return graph, [TaskId(one) for one in sorted(concerned)]

    async def recount(self, task_ids: Sequence[TaskId]) -> None:
        await self._graph.lock()
        await self._graph.recount(task_ids)

    async def save_unlocks(self, unlocks: Mapping[UUID, Unlocks], known: WorkspaceGraph) -> None:
        await self._graph.lock()
        await self._graph.save_unlocks(unlocks, known=known)


def _wanted(backlog: Backlog) -> list[tuple[Name, Name]]:
    return [
        ((record.list, record.id), (record.list, on))
        for record in backlog.records()
        if record.set_aside is None
        for on in record.depends_on
    ]


def _parents(backlog: Backlog) -> dict[Name, Name | None]:
    """All records that become tasks, parents first, with their parents."""
    return {
        (record.list, record.id): (record.list, record.parent) if record.parent else None
        for record in backlog.records()
        if record.set_aside is None
    }


def _planned(
    plan: Plan,
    parts: Sequence[Part],
    bases: Mapping[TaskId, Mapping[str, Any]],
    remark: Remark,
) -> dict[str, int]:
    """What a dry run would have written."""
    counts: Counter[str] = Counter()
    for record, was in parts:
        task_id = plan.ids[record.list, record.id]
        fitting, said = _edges(plan, record, task_id)
        for note in said:
            remark(was.position, *note)
        counts[record.list] += len(fitting)
        base = bases.get(TaskId(was.task_id)) if was.task_id else None
        if base is None:
            continue
        before = set[str](base.get("depends_on") or ())
        for on in fitting.keys() - before:
            remark(was.position, "merged", f"It waits for {on} now, as it does there.")
        for gone in sorted(before - set(record.depends_on)):
            message = f"It no longer waits for {gone}, as it does not there."
            remark(was.position, "merged", message)
        there = _status_there(record).value
        if there != base.get("status", there):
            remark(was.position, "merged", "Changed there and taken over: status.")
    return counts


def _edges(
    plan: Plan, record: ParsedTask, task_id: TaskId
) -> tuple[dict[str, Pair], list[tuple[str, str]]]:
    """The dependencies of a record that fit, and what is to be said about the others."""
    fitting: dict[str, Pair] = {}
    said: list[tuple[str, str]] = []
    for on in record.depends_on:
        other = plan.ids.get((record.list, on))
        if other is None:
            said.append(("dangling_dependency", f"Its dependency {on} did not come in."))
        elif (task_id, other) in plan.fitting:
            fitting[on] = (task_id, other)
        else:
            message = f"It would wait for {record.list}/{on} in a circle; this was left out."
            said.append(("cycle", message))
    return fitting, said


def _connections(record: ParsedTask, left_out: Sequence[str]) -> dict[str, Any]:
    """What of a base comes in by this phase. `left_out` is in the file and does not fit here."""
    return {
        "depends_on": list(record.depends_on),
        "left_out": list(left_out),
        "links": [[link.kind, link.to, link.url] for link in record.links],
        "status": _status_there(record).value,
    }


def _status_there(record: ParsedTask) -> TaskStatus:
    """What was deleted there is cancelled here, if nobody here says otherwise."""
    return TaskStatus.CANCELLED if record.is_deleted else record.status


def _with(record: ImportRecord, notes: list[Note]) -> ImportRecord:
    is_change = any(note.code == "merged" for note in notes)
    was_left = record.outcome is Outcome.UNCHANGED
    outcome = Outcome.UPDATED if is_change and was_left else record.outcome
    return replace(record, outcome=outcome, notes=[*record.notes, *notes])


def _counted(
    report: ImportReport,
    written: dict[int, ImportRecord],
    counts: dict[str, int],
    notes: dict[int, list[Note]],
) -> ImportReport:
    codes = dict(report.notes)
    updated = 0
    for position, added in notes.items():
        updated += _with(written[position], added).outcome is not written[position].outcome
        for note in added:
            codes[note.code] = codes.get(note.code, 0) + 1
    return replace(
        report,
        lists=[
            replace(one, dependencies=one.dependencies + counts.get(one.name, 0))
            for one in report.lists
        ],
        updated=report.updated + updated,
        unchanged=report.unchanged - updated,
        notes=codes,
    )
