"""Exports over HTTP."""

from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import Annotated

from litestar import Controller, get
from litestar.di import Provide
from litestar.params import QueryParameter

from nexus.features.imports.domain import ExportFormat
from nexus.features.imports.exporting import ExportService
from nexus.features.imports.wiring import export_service
from nexus.platform.http.downloads import Download
from nexus.platform.http.guards import may

FILES = {
    ExportFormat.TASKMASTER: ("tasks.json", "application/json"),
    ExportFormat.BEADS: ("issues.jsonl", "application/x-ndjson"),
    ExportFormat.CSV: ("tasks.csv", "text/csv; charset=utf-8"),
}


class ExportController(Controller):
    path = "/export"
    tags = ["Imports"]
    dependencies = {"exports": Provide(export_service, sync_to_thread=False)}

    @get(
        guards=[may("tasks:read")],
        operation_id="exportTasks",
        summary="Export tasks as a file of Task Master, Beads or a spreadsheet",
        opt={"downloads": [kind for _, kind in FILES.values()]},
    )
    async def export(
        self,
        exports: ExportService,
        format_: Annotated[
            ExportFormat, QueryParameter(name="format", description="How the file is written.")
        ],
        project: Annotated[
            list[str] | None,
            QueryParameter(
                required=False,
                max_items=50,
                description="The tasks of these. Unless said, those of the projects into which the "
                "followed file went; of all, if none was imported.",
            ),
        ] = None,
        source: Annotated[
            str | None,
            QueryParameter(
                required=False,
                max_length=500,
                description="Follow the file that was imported from there: what nobody changed "
                "comes back as it stood in it. The newest that fits unless said.",
            ),
        ] = None,
    ) -> Download:
        with ExitStack() as stack:
            file = stack.enter_context(TemporaryFile())
            left_out = await exports.write(
                format_.value, file, projects=project or (), source=source
            )
            stack.pop_all()  # the download closes it
        name, kind = FILES[format_]
        return Download(file, name=name, media_type=kind, headers={"nexus-left-out": str(left_out)})
