"""Custom fields over HTTP."""

from typing import Annotated

from litestar import Controller, delete, get, patch, post
from litestar.di import Provide
from litestar.params import PathParameter

from nexus.features.fields.dto import FieldIn, FieldOut, FieldPage, FieldPatch
from nexus.features.fields.service import FieldService
from nexus.features.fields.wiring import field_service
from nexus.platform.actor import Actor
from nexus.platform.http.answers import given
from nexus.platform.http.guards import may

ProjectPath = Annotated[str, PathParameter(description="The project's key.")]
FieldPath = Annotated[str, PathParameter(description="The field's key.")]


class FieldController(Controller):
    path = "/projects/{key:str}/fields"
    tags = ["Projects"]
    dependencies = {"fields": Provide(field_service, sync_to_thread=False)}

    @get(
        guards=[may("projects:read")],
        operation_id="listFields",
        summary="List a project's custom fields",
    )
    async def list_fields(self, key: ProjectPath, fields: FieldService) -> FieldPage:
        found = await fields.list_fields(key)
        return FieldPage(items=[FieldOut.of(field) for field in found], next_cursor=None)

    @post(
        guards=[may("projects:write")],
        operation_id="createField",
        summary="Define a custom field for a project's tasks",
    )
    async def create(
        self, key: ProjectPath, data: FieldIn, fields: FieldService, actor: Actor
    ) -> FieldOut:
        field = await fields.create(
            key,
            data.key,
            name=data.name,
            type=data.type,
            choices=data.choices,
            is_required=data.is_required,
            by=actor,
        )
        return FieldOut.of(field)

    @patch(
        "/{field:str}",
        guards=[may("projects:write")],
        operation_id="updateField",
        summary="Change a custom field's definition",
    )
    async def update(
        self,
        key: ProjectPath,
        field: FieldPath,
        data: FieldPatch,
        fields: FieldService,
        actor: Actor,
    ) -> FieldOut:
        updated = await fields.update(
            key,
            field,
            name=given(data.name),
            choices=given(data.choices),
            is_required=given(data.is_required),
            by=actor,
        )
        return FieldOut.of(updated)

    @delete(
        "/{field:str}",
        guards=[may("projects:write")],
        operation_id="removeField",
        summary="Remove a custom field's definition; values stay",
    )
    async def remove(
        self, key: ProjectPath, field: FieldPath, fields: FieldService, actor: Actor
    ) -> None:
        await fields.remove(key, field, by=actor)
