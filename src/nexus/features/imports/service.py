"""Taking in a file: understood at once, written by `run`, which a killed server repeats."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nexus.features.imports import taskmaster
from nexus.features.imports.domain import (
    MAX_NOTES,
    Import,
    ImportId,
    ImportReport,
    ImportState,
    ListReport,
    Note,
    ParsedBacklog,
    ParsedList,
    ParsedTask,
    new_project_key,
)
from nexus.features.imports.errors import ProjectOfImportUnknown
from nexus.features.imports.events import ImportCreated, ImportFailed, ImportFinished
from nexus.features.imports.repository import ImportRepository
from nexus.features.projects.domain import Visibility
from nexus.features.projects.errors import ProjectNotFound
from nexus.features.projects.service import ProjectService
from nexus.features.tasks.domain import ImportedTask, TaskFields, TaskId
from nexus.features.tasks.service import TaskIntake
from nexus.platform.actor import Actor, Permission
from nexus.platform.clock import now
from nexus.platform.events import EventLog
from nexus.platform.ids import new_id
from nexus.platform.paging import Page


@dataclass(frozen=True, kw_only=True)
class _Arrival:
    """What a backlog comes to here: new tasks with their origin, and those that were here."""

    imported: list[ImportedTask]
    origins: list[tuple[ParsedList, ParsedTask, TaskId, str]]
    projects: Mapping[str, str]
    already_here: int


class ImportService:
    def __init__(
        self,
        imports: ImportRepository,
        projects: ProjectService,
        intake: TaskIntake,
        events: EventLog,
    ) -> None:
        self._imports = imports
        self._projects = projects
        self._intake = intake
        self._events = events

    async def create(
        self, content: bytes, *, source: str, file_name: str, project: str | None, by: Actor
    ) -> Import:
        """Understand a file and put it in line. Raises FileNotUnderstood; writes nothing then."""
        parsed = await asyncio.to_thread(taskmaster.parse, content)
        if project:
            await self._check_project(project)
        one = Import(
            id=ImportId(new_id()),
            workspace_id=by.workspace_id,
            actor_id=by.id,
            source=source,
            file_name=file_name,
            project=project.upper() if project else None,
            format=parsed.format,
            state=ImportState.QUEUED,
            report=None,
            error=None,
            created_at=now(),
            finished_at=None,
        )

        await self._imports.add(one, content)
        self._events.record(
            ImportCreated(import_id=one.id, source=source, format=parsed.format), by=by
        )
        return one

    async def get(self, import_id: ImportId) -> Import:
        return await self._imports.get(import_id)

    async def list_imports(self, cursor: str | None, limit: int) -> Page[Import]:
        return await self._imports.list_page(cursor, limit)

    async def list_waiting(self) -> Sequence[Import]:
        """What is to be run, in all workspaces; for the job alone."""
        return await self._imports.list_waiting()

    async def parse(self, import_id: ImportId) -> ParsedBacklog:
        """Read the file of an import once more; in a thread, since it may be large."""
        content = await self._imports.content(import_id)
        return await asyncio.to_thread(taskmaster.parse, content)

    async def run(self, import_id: ImportId, parsed: ParsedBacklog) -> None:
        """Write an import that waits, all of it or nothing. A finished one is left alone."""
        await self._intake.lock()  # one import of a workspace after the other
        one = await self._imports.get(import_id, lock=True)
        if one.has_ended:
            return
        by, is_there = await self._imports.actor_of(one)
        if not is_there or not by.may(Permission("imports:write")):
            why = "may no longer import here" if is_there else "has left the workspace"
            await self._fail(one, f"Whoever asked for it {why}.", by)
            return
        if one.project:
            await self._check_project(one.project)
        arrival = await self._arrival(one, parsed, by)

        refused = await self._intake.add(arrival.imported, import_id=one.id, by=by)
        await self._imports.add_sources([_source_row(one, *origin) for origin in arrival.origins])
        report = _report(parsed, arrival, refused)
        await self._imports.finish(one.id, report=report, error=None, at=now())
        self._events.record(
            ImportFinished(
                import_id=one.id, created=report.created, already_here=report.already_here
            ),
            by=by,
        )

    async def fail(self, import_id: ImportId, why: str) -> None:
        """Put on record that an import cannot be carried out."""
        one = await self._imports.get(import_id, lock=True)
        if one.has_ended:
            return
        by, _ = await self._imports.actor_of(one)
        await self._fail(one, why, by)

    async def _fail(self, one: Import, why: str, by: Actor) -> None:
        await self._imports.finish(one.id, report=None, error=why, at=now())
        self._events.record(ImportFailed(import_id=one.id, why=why), by=by)

    async def _arrival(self, one: Import, parsed: ParsedBacklog, by: Actor) -> _Arrival:
        known = await self._imports.list_sources(one.source)
        projects = await self._projects_for(one, parsed, known, by)
        imported: list[ImportedTask] = []
        origins: list[tuple[ParsedList, ParsedTask, TaskId, str]] = []
        already_here = 0
        for parsed_list in parsed.lists:
            project = projects[parsed_list.name]
            ids = {
                task.id: known[parsed_list.name, task.id][0]
                if (parsed_list.name, task.id) in known
                else TaskId(new_id())
                for task in parsed_list.tasks
            }
            label = _label_of(one, parsed_list)
            for task in parsed_list.tasks:
                if (parsed_list.name, task.id) in known:
                    already_here += 1
                    continue
                imported.append(_imported(task, project, ids, label))
                origins.append((parsed_list, task, ids[task.id], project))
        return _Arrival(
            imported=imported, origins=origins, projects=projects, already_here=already_here
        )

    async def _projects_for(
        self,
        one: Import,
        parsed: ParsedBacklog,
        known: Mapping[tuple[str, str], tuple[TaskId, str]],
        by: Actor,
    ) -> dict[str, str]:
        """The project of each list: the one asked for, the one it went to before, or a new one."""
        earlier = {name: project for (name, _), (_, project) in known.items()}
        taken = set(await self._projects.list_keys())
        chosen: dict[str, str] = {}
        for parsed_list in parsed.lists:
            name = parsed_list.name
            if one.project:
                chosen[name] = one.project
            elif name in earlier:
                chosen[name] = earlier[name]
            else:
                chosen[name] = new_project_key(name, taken)
                taken.add(chosen[name])
                await self._projects.create(
                    chosen[name],
                    name=name[:100].strip() or chosen[name],
                    description=f"Imported from {one.file_name}.",
                    visibility=Visibility.WORKSPACE,
                    lead_id=None,
                    by=by,
                )
        return chosen

    async def _check_project(self, key: str) -> None:
        try:
            project = await self._projects.get(key)
        except ProjectNotFound as error:
            raise ProjectOfImportUnknown(project=key, field="project") from error
        project.check_open()


def _label_of(one: Import, parsed_list: ParsedList) -> str | None:
    """Several lists in one project are told apart by a label."""
    if one.project is None or parsed_list.is_default:
        return None
    return " ".join(parsed_list.name.split())[:100] or None


def _imported(
    task: ParsedTask, project: str, ids: Mapping[str, TaskId], label: str | None
) -> ImportedTask:
    return ImportedTask(
        id=ids[task.id],
        project=project,
        fields=_fields(task),
        status=task.status,
        acceptance=task.acceptance,
        labels=(*task.labels, label) if label else task.labels,
        complexity_auto=task.complexity,
        parent_id=ids[task.parent] if task.parent else None,
        depends_on=tuple(ids[other] for other in task.depends_on),
        created_at=task.created_at,
        updated_at=task.updated_at,
    )


def _fields(task: ParsedTask) -> TaskFields:
    return TaskFields(
        title=task.title,
        description=task.description,
        details=task.details,
        test_strategy=task.test_strategy,
        priority=task.priority,
        custom=task.custom,
    )


def _source_row(
    one: Import, parsed_list: ParsedList, task: ParsedTask, task_id: TaskId, project: str
) -> dict[str, object]:
    return {
        "task_id": task_id,
        "import_id": one.id,
        "source": one.source,
        "list": parsed_list.name,
        "external_id": task.id,
        "project": project,
        "original": task.original,
        "imported": {
            **_fields(task),
            "status": task.status.value,
            "acceptance": task.acceptance,
            "labels": task.labels,
            "complexity": task.complexity,
            "parent": task.parent,
            "depends_on": task.depends_on,
        },
    }


def _report(
    parsed: ParsedBacklog, arrival: _Arrival, refused: list[tuple[TaskId, TaskId]]
) -> ImportReport:
    names = {
        task_id: f"{parsed_list.name}/{task.id}"
        for parsed_list, task, task_id, _ in arrival.origins
    }
    quarantined = [
        Note(
            record=names[task_id],
            code="cycle",
            message=f"It would wait for {names.get(on, on)} in a circle; "
            "this dependency was left out.",
        )
        for task_id, on in refused
    ]
    notes = [*parsed.notes, *quarantined]
    return ImportReport(
        format=parsed.format,
        lists=[_list_report(one, arrival, refused) for one in parsed.lists],
        created=len(arrival.imported),
        already_here=arrival.already_here,
        notes=notes[:MAX_NOTES],
        notes_left_out=max(0, len(notes) - MAX_NOTES),
    )


def _list_report(
    parsed_list: ParsedList, arrival: _Arrival, refused: list[tuple[TaskId, TaskId]]
) -> ListReport:
    mine = [
        (task, task_id)
        for origin, task, task_id, _ in arrival.origins
        if origin.name == parsed_list.name
    ]
    ids = {task_id for _, task_id in mine}
    return ListReport(
        name=parsed_list.name,
        project=arrival.projects[parsed_list.name],
        tasks=sum(task.parent is None for task, _ in mine),
        subtasks=sum(task.parent is not None for task, _ in mine),
        dependencies=sum(len(task.depends_on) for task, _ in mine)
        - sum(task_id in ids for task_id, _ in refused),
    )
