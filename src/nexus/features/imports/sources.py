"""Where tasks came from, in and out of the database, always within one workspace."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select, update

from nexus.features.imports.domain import ImportId
from nexus.features.imports.outgoing import Name, Origin
from nexus.features.imports.tables import TaskSourceRow
from nexus.features.tasks.domain import TaskId
from nexus.platform.database import Transaction
from nexus.platform.visibility import visible_key


class SourceRepository:
    """Where tasks came from, as far as the viewer may see them."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def list_ids(
        self, source: str, name: str, external_ids: Collection[str]
    ) -> dict[str, TaskId]:
        """The tasks that some records of one list have become."""
        found = await self._tx.execute(
            self._of(source, select(TaskSourceRow.external_id, TaskSourceRow.task_id)).where(
                TaskSourceRow.list == name, TaskSourceRow.external_id.in_(external_ids)
            )
        )
        return {row.external_id: TaskId(row.task_id) for row in found}

    async def list_bases(self, task_ids: Collection[TaskId]) -> dict[TaskId, dict[str, Any]]:
        """The values with which tasks were imported last."""
        found = await self._tx.execute(
            select(TaskSourceRow.task_id, TaskSourceRow.imported).where(
                TaskSourceRow.workspace_id == self._tx.workspace_id,
                TaskSourceRow.task_id.in_(task_ids),
            )
        )
        return {TaskId(row.task_id): row.imported for row in found}

    async def list_origins(self, task_ids: Collection[TaskId]) -> dict[TaskId, Origin]:
        """The records that tasks were made of."""
        found = await self._tx.execute(
            select(TaskSourceRow).where(
                TaskSourceRow.workspace_id == self._tx.workspace_id,
                TaskSourceRow.task_id.in_(task_ids),
            )
        )
        return {TaskId(row.task_id): _origin(row) for row in found}

    async def list_names(self, source: str) -> dict[TaskId, Name]:
        """All records of a source that became tasks, whoever may see these."""
        found = await self._tx.execute(
            select(TaskSourceRow.task_id, TaskSourceRow.list, TaskSourceRow.external_id).where(
                TaskSourceRow.workspace_id == self._tx.workspace_id, TaskSourceRow.source == source
            )
        )
        return {TaskId(row.task_id): (row.list, row.external_id) for row in found}

    async def external_id(self, task_id: TaskId | None) -> str | None:
        found = await self._tx.execute(
            select(TaskSourceRow.external_id).where(
                TaskSourceRow.workspace_id == self._tx.workspace_id,
                TaskSourceRow.task_id == task_id,
            )
        )
        return found.scalar()

    async def projects_of(self, source: str) -> dict[str, str]:
        """Where the lists of a source went before, by their names."""
        found = await self._tx.execute(
            self._of(
                source, select(TaskSourceRow.list, func.min(TaskSourceRow.project).label("project"))
            ).group_by(TaskSourceRow.list)
        )
        return {row.list: row.project for row in found}

    async def find_scored(self, titles: Mapping[str, str]) -> tuple[str, str] | None:
        """The source and list in which most of these ids have the titles given, if any do."""
        found = await self._tx.execute(
            select(
                TaskSourceRow.source,
                TaskSourceRow.list,
                TaskSourceRow.external_id,
                TaskSourceRow.imported["title"].as_string().label("title"),
            ).where(
                TaskSourceRow.workspace_id == self._tx.workspace_id,
                TaskSourceRow.external_id.in_(titles),
                visible_key(TaskSourceRow.project, self._tx),
            )
        )
        fits: dict[tuple[str, str], int] = {}
        for row in found:
            if row.title == titles[row.external_id]:
                place = (row.source, row.list)
                fits[place] = fits.get(place, 0) + 1
        return max(fits, key=lambda place: (fits[place], place)) if fits else None

    async def add(self, rows: Sequence[dict[str, Any]]) -> None:
        workspace_id = self._tx.workspace_id
        await self._tx.execute(
            insert(TaskSourceRow), [{"workspace_id": workspace_id, **row} for row in rows]
        )

    async def save_base(
        self, task_id: TaskId, import_id: ImportId, imported: dict[str, Any], original: str | None
    ) -> None:
        values: dict[str, Any] = {"import_id": import_id, "imported": imported}
        await self._tx.execute(
            update(TaskSourceRow)
            .where(
                TaskSourceRow.workspace_id == self._tx.workspace_id,
                TaskSourceRow.task_id == task_id,
            )
            .values(values | ({"original": original} if original else {}))
        )

    async def save_connections(
        self, bases: Mapping[TaskId, dict[str, Any]], import_id: ImportId
    ) -> None:
        """The bases of many tasks, in one statement."""
        if bases:
            table: Any = TaskSourceRow.__table__
            await self._tx.execute(
                update(table)
                .where(
                    table.c.workspace_id == self._tx.workspace_id,
                    table.c.task_id == bindparam("of"),
                )
                .values(imported=bindparam("base"), import_id=import_id),
                [{"of": task_id, "base": base} for task_id, base in bases.items()],
            )

    async def list_task_ids(self, import_id: ImportId) -> list[TaskId]:
        """The tasks that an import made or changed last."""
        found = await self._tx.execute(
            select(TaskSourceRow.task_id).where(
                TaskSourceRow.workspace_id == self._tx.workspace_id,
                TaskSourceRow.import_id == import_id,
            )
        )
        return [TaskId(task_id) for task_id in found.scalars()]

    def _of(self, source: str, query: Any) -> Any:
        return query.where(
            TaskSourceRow.workspace_id == self._tx.workspace_id,
            TaskSourceRow.source == source,
            visible_key(TaskSourceRow.project, self._tx),
        )


def _origin(row: Row[Any]) -> Origin:
    return Origin(
        task_id=TaskId(row.task_id),
        source=row.source,
        name=(row.list, row.external_id),
        project=row.project,
        original=row.original,
        base=row.imported,
    )
