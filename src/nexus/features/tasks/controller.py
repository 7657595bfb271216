"""Tasks over HTTP."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, patch, post, put
from litestar.di import Provide
from litestar.params import PathParameter, QueryParameter
from litestar.status_codes import HTTP_200_OK

from nexus.features.tasks.bulk import BulkService
from nexus.features.tasks.bulk_dto import BulkIn, BulkItemOut, BulkOut
from nexus.features.tasks.domain import TaskSort
from nexus.features.tasks.dto import (
    AcceptancePatch,
    PositionIn,
    RecurrenceIn,
    StatusIn,
    TaskIn,
    TaskOut,
    TaskPatch,
    TransferIn,
)
from nexus.features.tasks.errors import ExplainOrder
from nexus.features.tasks.explaining import explained
from nexus.features.tasks.filters import task_filter
from nexus.features.tasks.overview import OverviewService
from nexus.features.tasks.overview_dto import ProjectGraphOut, TaskPage, TaskSummaryOut, WhyOut
from nexus.features.tasks.recurring import RecurrenceService
from nexus.features.tasks.selection import TaskFilter
from nexus.features.tasks.service import TaskService
from nexus.features.tasks.transferring import TransferService
from nexus.features.tasks.wiring import (
    bulk_service,
    overview_service,
    recurrence_service,
    task_service,
    transfer_service,
)
from nexus.platform.actor import Actor
from nexus.platform.http.answers import (
    CursorParameter,
    IfMatch,
    Limit,
    TaskPath,
    expected_version,
    paged,
    versioned,
)
from nexus.platform.http.guards import may


class TaskController(Controller):
    path = "/tasks"
    tags = ["Tasks"]
    dependencies = {
        "tasks": Provide(task_service, sync_to_thread=False),
        "overview": Provide(overview_service, sync_to_thread=False),
        "bulk": Provide(bulk_service, sync_to_thread=False),
        "transfers": Provide(transfer_service, sync_to_thread=False),
        "recurrences": Provide(recurrence_service, sync_to_thread=False),
    }

    @get(
        guards=[may("tasks:read")],
        operation_id="listTasks",
        summary="List tasks",
        dependencies={"which": Provide(task_filter, sync_to_thread=False)},
    )
    async def list_tasks(
        self,
        request: Request[Any, Any, Any],
        overview: OverviewService,
        which: TaskFilter,
        sort: Annotated[
            TaskSort,
            QueryParameter(
                description="`next` is the order in which to take ready tasks; `relevance` gives "
                "the best of a search in one page."
            ),
        ] = TaskSort.NEWEST,
        explain: Annotated[
            bool,
            QueryParameter(
                required=False, description="Say what each stands in this order for (`next`)."
            ),
        ] = False,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[TaskPage]:
        if explain and sort is not TaskSort.NEXT:
            raise ExplainOrder(field="explain")
        page = await overview.list_tasks(which, sort, cursor, limit)
        reasons = explained(page.items) if explain else [None] * len(page.items)
        items = [TaskSummaryOut.of(*one) for one in zip(page.items, reasons, strict=True)]
        return paged(request, TaskPage(items=items, next_cursor=page.next_cursor))

    @post(guards=[may("tasks:write")], operation_id="createTask", summary="Create a task")
    async def create(self, data: TaskIn, tasks: TaskService, actor: Actor) -> Response[TaskOut]:
        task = await tasks.create(data.draft(), by=actor)
        return versioned(TaskOut.of(task, actor.id), status=201)

    @patch(
        guards=[may("tasks:write")],
        operation_id="updateTasks",
        summary="Change up to 200 tasks, all of them or none",
    )
    async def update_many(self, data: BulkIn, bulk: BulkService, actor: Actor) -> BulkOut:
        changed = await bulk.update_many([item.item() for item in data.items], by=actor)
        return BulkOut(items=[BulkItemOut.of(task) for task in changed])

    @get("/{task:str}", guards=[may("tasks:read")], operation_id="getTask", summary="Get a task")
    async def get_task(self, task: TaskPath, tasks: TaskService, actor: Actor) -> Response[TaskOut]:
        return versioned(TaskOut.of(await tasks.get(task), actor.id))

    @patch(
        "/{task:str}",
        guards=[may("tasks:write")],
        operation_id="updateTask",
        summary="Change a task's fields",
    )
    async def update(
        self,
        task: TaskPath,
        data: TaskPatch,
        tasks: TaskService,
        actor: Actor,
        if_match: IfMatch = None,
    ) -> Response[TaskOut]:
        updated = await tasks.update(
            task, data.edit(), version=expected_version(if_match), by=actor
        )
        return versioned(TaskOut.of(updated, actor.id))

    @patch(
        "/{task:str}/status",
        guards=[may("tasks:write")],
        operation_id="setTaskStatus",
        summary="Set a task's status",
    )
    async def set_status(
        self,
        task: TaskPath,
        data: StatusIn,
        tasks: TaskService,
        actor: Actor,
        if_match: IfMatch = None,
    ) -> Response[TaskOut]:
        moved = await tasks.set_status(
            task, data.status, version=expected_version(if_match), by=actor
        )
        return versioned(TaskOut.of(moved, actor.id))

    @patch(
        "/{task:str}/position",
        guards=[may("tasks:write")],
        operation_id="moveTask",
        summary="Put a task next to another one on the board",
    )
    async def move(
        self, task: TaskPath, data: PositionIn, tasks: TaskService, actor: Actor
    ) -> Response[TaskOut]:
        moved = await tasks.move(task, after=data.after, before=data.before, by=actor)
        return versioned(TaskOut.of(moved, actor.id))

    @patch(
        "/{task:str}/acceptance/{item_id:uuid}",
        guards=[may("tasks:write")],
        operation_id="setTaskAcceptance",
        summary="Say that an acceptance item is met, or no longer is",
    )
    async def set_acceptance(
        self,
        task: TaskPath,
        item_id: UUID,
        data: AcceptancePatch,
        tasks: TaskService,
        actor: Actor,
    ) -> Response[TaskOut]:
        updated = await tasks.set_acceptance(task, item_id, is_met=data.is_met, by=actor)
        return versioned(TaskOut.of(updated, actor.id))

    @get(
        "/{task:str}/why",
        guards=[may("tasks:read")],
        operation_id="whyTask",
        summary="Say what a task waits for, down to the root, and what it unlocks",
    )
    async def why(self, task: TaskPath, overview: OverviewService, actor: Actor) -> WhyOut:
        return WhyOut.of(await overview.why(task, actor.id))

    @patch(
        "/{task:str}/project",
        guards=[may("tasks:write")],
        operation_id="transferTask",
        summary="Move a task and its subtasks to another project",
    )
    async def transfer(
        self,
        task: TaskPath,
        data: TransferIn,
        transfers: TransferService,
        actor: Actor,
        if_match: IfMatch = None,
    ) -> Response[TaskOut]:
        moved = await transfers.transfer(
            task, data.project, version=expected_version(if_match), by=actor
        )
        return versioned(TaskOut.of(moved, actor.id))

    @put(
        "/{task:str}/recurrence",
        guards=[may("tasks:write")],
        operation_id="recurTask",
        summary="Let a task come again by a rule",
    )
    async def recur(
        self, task: TaskPath, data: RecurrenceIn, recurrences: RecurrenceService, actor: Actor
    ) -> Response[TaskOut]:
        recurring = await recurrences.recur(task, data.rule, data.trigger, by=actor)
        return versioned(TaskOut.of(recurring, actor.id))

    @delete(
        "/{task:str}/recurrence",
        status_code=HTTP_200_OK,
        guards=[may("tasks:write")],
        operation_id="unrecurTask",
        summary="Let a task no longer come again",
    )
    async def unrecur(
        self, task: TaskPath, recurrences: RecurrenceService, actor: Actor
    ) -> Response[TaskOut]:
        once = await recurrences.unrecur(task, by=actor)
        return versioned(TaskOut.of(once, actor.id))


class ProjectGraphController(Controller):
    path = "/projects/{key:str}/graph"
    tags = ["Projects"]
    dependencies = {"overview": Provide(overview_service, sync_to_thread=False)}

    @get(
        guards=[may("tasks:read")],
        operation_id="getProjectGraph",
        summary="Get a project's open tasks as a graph with layers and critical path",
    )
    async def graph(
        self,
        key: Annotated[str, PathParameter(description="The project's key.")],
        overview: OverviewService,
        finished: Annotated[
            bool, QueryParameter(required=False, description="Finished tasks as well.")
        ] = False,
    ) -> ProjectGraphOut:
        return ProjectGraphOut.of(key.upper(), await overview.graph(key, finished=finished))
