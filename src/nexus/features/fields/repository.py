"""Custom fields in and out of the database, always within one workspace."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from nexus.features.fields.domain import CustomField, FieldId, FieldType
from nexus.features.fields.errors import FieldNotFound, FieldTaken
from nexus.features.fields.tables import CustomFieldRow
from nexus.features.projects.domain import Project, ProjectId
from nexus.platform.database import Transaction
from nexus.platform.rows import ActorRow


class FieldRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def list_of(self, project_id: ProjectId) -> Sequence[CustomField]:
        """All fields of a project, by key. A project has at most 100."""
        found = await self._tx.execute(
            select(CustomFieldRow)
            .where(
                CustomFieldRow.workspace_id == self._tx.workspace_id,
                CustomFieldRow.project_id == project_id,
            )
            .order_by(CustomFieldRow.key)
        )
        return [_field(row) for row in found]

    async def get(self, project: Project, key: str) -> CustomField:
        found = await self._tx.execute(
            select(CustomFieldRow)
            .where(
                CustomFieldRow.workspace_id == self._tx.workspace_id,
                CustomFieldRow.project_id == project.id,
                CustomFieldRow.key == key,
            )
            .with_for_update(key_share=True)
        )
        row = found.first()
        if row is None:
            raise FieldNotFound(project=project.key, key=key[:60])
        return _field(row)

    async def add(self, field: CustomField, project: Project) -> None:
        try:
            await self._tx.execute(insert(CustomFieldRow).values(_columns(field)))
        except IntegrityError as error:
            raise FieldTaken(project=project.key, key=field.key) from error

    async def save(self, field: CustomField) -> None:
        await self._tx.execute(
            update(CustomFieldRow)
            .where(
                CustomFieldRow.workspace_id == self._tx.workspace_id, CustomFieldRow.id == field.id
            )
            .values(_columns(field))
        )

    async def remove(self, field_id: FieldId) -> None:
        await self._tx.execute(
            delete(CustomFieldRow).where(
                CustomFieldRow.workspace_id == self._tx.workspace_id, CustomFieldRow.id == field_id
            )
        )

    async def list_present(self, actor_ids: Collection[UUID]) -> set[UUID]:
        """Those of some actors who are in the workspace."""
        found = await self._tx.execute(
            select(ActorRow.id).where(
                ActorRow.workspace_id == self._tx.workspace_id,
                ActorRow.id.in_(actor_ids),
                ActorRow.removed_at.is_(None),
            )
        )
        return set(found.scalars())


def _columns(field: CustomField) -> dict[str, Any]:
    return {
        "id": field.id,
        "workspace_id": field.workspace_id,
        "project_id": field.project_id,
        "key": field.key,
        "name": field.name,
        "type": field.type.value,
        "choices": list(field.choices),
        "is_required": field.is_required,
        "created_at": field.created_at,
    }


def _field(row: Row[Any]) -> CustomField:
    return CustomField(
        id=row.id,
        workspace_id=row.workspace_id,
        project_id=row.project_id,
        key=row.key,
        name=row.name,
        type=FieldType(row.type),
        choices=tuple(row.choices),
        is_required=row.is_required,
        created_at=row.created_at,
    )
