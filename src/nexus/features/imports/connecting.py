"""The later phases of an import: what waits for what, and the columns that follow from it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from nexus.features.imports.repository import ImportRepository, SourceRepository
from nexus.features.tasks.arrivals import GraphIntake, TaskIntake, Unlocks, WorkspaceGraph
from nexus.features.tasks.domain import NewLink, TaskId
from nexus.platform.actor import Actor
from nexus.platform.errors import AppError
from nexus.platform.ids import new_id

LOOKED_UP = 500

Pair = tuple[TaskId, TaskId]
Name = tuple[str, str]
"""The list and the id of a record."""


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
    ) -> None:
        self._imports = imports
        self._sources = sources
        self._intake = intake
        self._graph = graph

    async def plan(self, one: Import, backlog: Backlog) -> Plan:
        """Try all dependencies of a file at once, outside any transaction."""
        plan = Plan(graph=await self._graph.load())
        wanted = await asyncio.to_thread(_wanted, backlog)
        names = {name for pair in wanted for name in pair}
        for list_name in {name for name, _ in names}:
            ids = [external_id for name, external_id in names if name == list_name]
            for start in range(0, len(ids), LOOKED_UP):
                found = await self._sources.list_ids(
                    one.source, list_name, ids[start : start + LOOKED_UP]
                )
                plan.ids |= {(list_name, ext): task_id for ext, task_id in found.items()}
        if one.is_dry_run:
            for name in sorted(names - plan.ids.keys()):
                plan.ids[name] = TaskId(new_id())
                plan.graph.add_new(plan.ids[name])
        pairs = [
            (plan.ids[task], plan.ids[on])
            for task, on in wanted
            if task in plan.ids and on in plan.ids
        ]
        pairs = [pair for pair in pairs if plan.graph.knows(*pair)]
        fits = await asyncio.to_thread(plan.graph.fitting, pairs)
        plan.fitting = {pair for pair, is_fit in zip(pairs, fits, strict=True) if is_fit}
        return plan

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

        if one.is_dry_run:
            counts = _planned(plan, parts, remark)
        else:
            counts = await self._write(one, plan, parts, remark, by)
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
        parts: Sequence[tuple[ParsedTask, ImportRecord]],
        remark: Callable[[int, str, str], None],
        by: Actor,
    ) -> dict[str, int]:
        task_ids = [TaskId(was.task_id) for _, was in parts if was.task_id]
        bases = await self._sources.list_bases(task_ids)
        counts: dict[str, int] = {}
        fresh: dict[Pair, int] = {}
        links: list[NewLink] = []
        for record, was in parts:
            task_id = TaskId(was.task_id or UUID(int=0))
            base = bases[task_id]
            before = set[str](base.get("depends_on") or ())
            for on in record.depends_on:
                pair = (task_id, plan.ids.get((record.list, on), task_id))
                if pair not in plan.fitting:
                    remark(was.position, *_circle(record, on))
                    continue
                counts[record.list] = counts.get(record.list, 0) + 1
                if was.outcome is Outcome.CREATED:
                    fresh[pair] = was.position
                elif on not in before:
                    await self._depend(pair, on, was.position, remark, by)
            if was.outcome is not Outcome.CREATED:
                for gone in before - set(record.depends_on):
                    await self._undepend(task_id, plan.ids.get((record.list, gone)), by)
            links += await self._links(one, record, task_id, base.get("links") or [])
            known_links = [[link.kind, link.to, link.url] for link in record.links]
            if list(record.depends_on) != base.get("depends_on") or known_links != base.get(
                "links"
            ):
                kept = {**base, "depends_on": list(record.depends_on), "links": known_links}
                await self._sources.save_base(task_id, one.id, kept, None)
        for pair in await self._graph.add(list(fresh), known=plan.graph, by=by) if fresh else ():
            remark(fresh[pair], "cycle", "One of its dependencies would close a circle by now.")
        await self._intake.add_links(links)
        return counts

    async def _depend(
        self,
        pair: Pair,
        on: str,
        position: int,
        remark: Callable[[int, str, str], None],
        by: Actor,
    ) -> None:
        try:
            await self._graph.depend(*pair, by=by)
            remark(position, "merged", f"It waits for {on} now, as it does there.")
        except AppError as error:
            remark(position, "not_applied", str(error))

    async def _undepend(self, task_id: TaskId, on: TaskId | None, by: Actor) -> None:
        if on:
            await self._graph.undepend(task_id, on, by=by)

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
        return graph, [TaskId(one) for one in sorted(mine | graph.parents_of(mine))]

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


def _planned(
    plan: Plan,
    parts: Sequence[tuple[ParsedTask, ImportRecord]],
    remark: Callable[[int, str, str], None],
) -> dict[str, int]:
    """What a dry run would have written."""
    counts: dict[str, int] = {}
    for record, was in parts:
        for on in record.depends_on:
            pair = (plan.ids.get((record.list, record.id)), plan.ids.get((record.list, on)))
            if pair in plan.fitting:
                counts[record.list] = counts.get(record.list, 0) + 1
            else:
                remark(was.position, *_circle(record, on))
    return counts


def _circle(record: ParsedTask, on: str) -> tuple[str, str]:
    message = f"It would wait for {record.list}/{on} in a circle; this dependency was left out."
    return "cycle", message


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
