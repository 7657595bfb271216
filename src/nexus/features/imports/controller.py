"""Imports over HTTP."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.di import Provide
from litestar.params import QueryParameter

from nexus.features.imports.domain import ImportId, Outcome
from nexus.features.imports.dto import ImportOut, ImportPage, ImportRecordOut, ImportRecordPage
from nexus.features.imports.service import ImportService
from nexus.features.imports.wiring import import_service
from nexus.platform.actor import Actor
from nexus.platform.http.answers import CursorParameter, Limit, paged
from nexus.platform.http.body import Upload
from nexus.platform.http.guards import may


class ImportController(Controller):
    path = "/imports"
    tags = ["Imports"]
    dependencies = {"imports": Provide(import_service, sync_to_thread=False)}

    @post(
        status_code=202,
        guards=[may("imports:write")],
        opt={"upload": True},
        operation_id="createImport",
        summary="Import a backlog file, sent as the body",
    )
    async def create(
        self,
        upload: Upload,
        imports: ImportService,
        actor: Actor,
        source: Annotated[
            str | None,
            QueryParameter(
                required=False,
                max_length=500,
                description="Names where the file comes from; the same source again is the same "
                "backlog. The file name unless said.",
            ),
        ] = None,
        file_name: Annotated[
            str, QueryParameter(required=False, max_length=200, description="For people to read.")
        ] = "tasks.json",
        project: Annotated[
            str | None,
            QueryParameter(
                required=False,
                max_length=10,
                description="Import everything into this project. Else each list gets its own.",
            ),
        ] = None,
        mapping: Annotated[
            str | None,
            QueryParameter(
                required=False,
                max_length=8000,
                description="For CSV: which column is what, as JSON; see the guide on importing.",
            ),
        ] = None,
        dry_run: Annotated[
            bool,
            QueryParameter(required=False, description="Only report what would happen."),
        ] = False,
    ) -> Response[ImportOut]:
        one = await imports.create(
            upload.file,
            source=source,
            file_name=file_name,
            project=project,
            mapping=mapping,
            is_dry_run=dry_run,
            by=actor,
        )
        location = {"Location": f"/api/v1/imports/{one.id}"}
        return Response(ImportOut.of(one), status_code=202, headers=location)

    @get(guards=[may("imports:read")], operation_id="listImports", summary="List imports")
    async def list_imports(
        self,
        request: Request[Any, Any, Any],
        imports: ImportService,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[ImportPage]:
        page = await imports.list_imports(cursor, limit)
        items = [ImportOut.of(one) for one in page.items]
        return paged(request, ImportPage(items=items, next_cursor=page.next_cursor))

    @get(
        "/{import_id:uuid}",
        guards=[may("imports:read")],
        operation_id="getImport",
        summary="Get an import, with its report once it is done",
    )
    async def get_import(self, import_id: UUID, imports: ImportService) -> ImportOut:
        return ImportOut.of(await imports.get(ImportId(import_id)))

    @get(
        "/{import_id:uuid}/records",
        guards=[may("imports:read")],
        operation_id="listImportRecords",
        summary="List what became of each record of an import",
    )
    async def list_records(
        self,
        request: Request[Any, Any, Any],
        import_id: UUID,
        imports: ImportService,
        outcome: Annotated[
            list[Outcome] | None,
            QueryParameter(required=False, description="Only these.", max_items=10),
        ] = None,
        noted: Annotated[
            bool, QueryParameter(required=False, description="Only those with notes.")
        ] = False,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[ImportRecordPage]:
        page = await imports.list_records(
            ImportId(import_id), outcome or (), cursor, limit, noted=noted
        )
        items = [ImportRecordOut.of(one) for one in page.items]
        return paged(request, ImportRecordPage(items=items, next_cursor=page.next_cursor))
