"""Labels in and out of the database: one list per workspace, a name only once whatever its case."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, delete, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from nexus.features.tasks.domain import LabelId
from nexus.features.tasks.errors import LabelNotFound, LabelTaken
from nexus.features.tasks.tables import LabelRow, TaskLabelRow, TaskRow
from nexus.platform.database import Transaction
from nexus.platform.fields import folded, tidy
from nexus.platform.ids import new_id
from nexus.platform.paging import Page, page_of, read_cursor
from nexus.platform.upsert import insert_missing


@dataclass(frozen=True, kw_only=True)
class Label:
    id: LabelId
    name: str


class LabelRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def ensure(self, names: Collection[str]) -> dict[str, Label]:
        """The labels with these names by their folded name; those that are new are made."""
        wanted: dict[str, str] = {}
        for name in names:
            wanted.setdefault(folded(name), tidy(name))
        if not wanted:
            return {}
        known = await self._named(wanted)
        missing = [name for key, name in wanted.items() if key not in known]
        if missing:
            await self._tx.execute(
                insert_missing(self._tx, LabelRow),
                [
                    {
                        "id": new_id(),
                        "workspace_id": self._tx.workspace_id,
                        "name": name,
                        "name_key": folded(name),
                    }
                    for name in missing
                ],
            )
            known = await self._named(wanted)
        return known

    async def get(self, label_id: LabelId) -> Label:
        """A label, locked against everybody who is putting it on a task."""
        query = self._labels().where(LabelRow.id == label_id).with_for_update()
        row = (await self._tx.execute(query)).first()
        if row is None:
            raise LabelNotFound(id=label_id)
        return _label(row)

    async def list_page(self, cursor: str | None, limit: int) -> Page[Label]:
        query = self._labels()
        if cursor:
            name_key, last = read_cursor("labels", cursor, tuple[str, UUID])
            query = query.where(tuple_(LabelRow.name_key, LabelRow.id) > tuple_(name_key, last))
        query = query.order_by(LabelRow.name_key, LabelRow.id).limit(limit + 1)
        labels = [_label(row) for row in await self._tx.execute(query)]
        return page_of(labels, limit, "labels", lambda label: (folded(label.name), label.id))

    async def save(self, label: Label) -> None:
        try:
            await self._tx.execute(
                update(LabelRow)
                .where(LabelRow.workspace_id == self._tx.workspace_id, LabelRow.id == label.id)
                .values(name=label.name, name_key=folded(label.name))
            )
        except IntegrityError as error:
            raise LabelTaken(name=label.name) from error

    async def remove(self, label_id: LabelId) -> None:
        """Take the label off every task and out of the list."""
        workspace_id = self._tx.workspace_id
        await self._tx.execute(
            delete(TaskLabelRow).where(
                TaskLabelRow.workspace_id == workspace_id, TaskLabelRow.label_id == label_id
            )
        )
        await self._tx.execute(
            delete(LabelRow).where(LabelRow.workspace_id == workspace_id, LabelRow.id == label_id)
        )

    async def forget_estimates(self, label_id: LabelId) -> None:
        """Have the tasks with a label estimated anew by the job that looks for such."""
        labelled = select(TaskLabelRow.task_id).where(
            TaskLabelRow.workspace_id == self._tx.workspace_id, TaskLabelRow.label_id == label_id
        )
        await self._tx.execute(
            update(TaskRow)
            .where(
                TaskRow.workspace_id == self._tx.workspace_id,
                TaskRow.id.in_(labelled),
                TaskRow.complexity_given.is_(None),
            )
            .values(complexity_auto=None)
        )

    async def _named(self, keys: Collection[str]) -> dict[str, Label]:
        rows: Sequence[Row[Any]] = (
            await self._tx.execute(
                self._labels()
                .where(LabelRow.name_key.in_(keys))
                .order_by(LabelRow.id)
                .with_for_update(read=True, key_share=True)  # none is removed before we commit
            )
        ).all()
        return {row.name_key: _label(row) for row in rows}

    def _labels(self) -> Select[Any]:
        return select(LabelRow).where(LabelRow.workspace_id == self._tx.workspace_id)


def _label(row: Row[Any]) -> Label:
    return Label(id=row.id, name=row.name)
