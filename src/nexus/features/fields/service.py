"""The verbs of custom fields, and the check of a task's values."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nexus.features.fields.domain import (
    CustomField,
    FieldId,
    FieldType,
    check_values,
    member_id,
)
from nexus.features.fields.errors import FieldChoices, FieldValueInvalid, TooManyFields
from nexus.features.fields.events import FieldCreated, FieldRemoved, FieldUpdated
from nexus.features.fields.repository import FieldRepository
from nexus.features.projects.domain import ProjectId
from nexus.features.projects.service import ProjectService
from nexus.platform.actor import Actor
from nexus.platform.clock import now
from nexus.platform.events import EventLog, changes_between
from nexus.platform.fields import tidy
from nexus.platform.ids import new_id

MAX_FIELDS = 100


class FieldService:
    def __init__(self, fields: FieldRepository, projects: ProjectService, events: EventLog) -> None:
        self._fields = fields
        self._projects = projects
        self._events = events

    async def list_fields(self, project_key: str) -> Sequence[CustomField]:
        project = await self._projects.get(project_key)
        return await self._fields.list_of(project.id)

    async def create(
        self,
        project_key: str,
        key: str,
        *,
        name: str,
        type: FieldType,  # noqa: A002 - the word of the wire
        choices: Sequence[str],
        is_required: bool,
        by: Actor,
    ) -> CustomField:
        """Define a field. Values that tasks have already are left as they are."""
        project = await self._projects.get(project_key)
        project.check_open()
        _check_choices(type, choices)
        if len(await self._fields.list_of(project.id)) >= MAX_FIELDS:
            raise TooManyFields(project=project.key, limit=MAX_FIELDS)
        field = CustomField(
            id=FieldId(new_id()),
            workspace_id=by.workspace_id,
            project_id=project.id,
            key=key,
            name=tidy(name),
            type=type,
            choices=tuple(dict.fromkeys(tidy(choice) for choice in choices)),
            is_required=is_required,
            created_at=now(),
        )

        await self._fields.add(field, project)
        self._events.record(
            FieldCreated(field_id=field.id, project_id=project.id, key=key, type=type.value), by=by
        )
        return field

    async def update(
        self,
        project_key: str,
        key: str,
        *,
        name: str | None,
        choices: Sequence[str] | None,
        is_required: bool | None,
        by: Actor,
    ) -> CustomField:
        """Change what is given; key and type stay. A change that changes nothing is silent."""
        project = await self._projects.get(project_key)
        project.check_open()
        old = await self._fields.get(project, key)
        new = replace(
            old,
            name=old.name if name is None else tidy(name),
            choices=old.choices
            if choices is None
            else tuple(dict.fromkeys(tidy(choice) for choice in choices)),
            is_required=old.is_required if is_required is None else is_required,
        )
        _check_choices(new.type, new.choices)
        changes = changes_between(old, new, "name", "choices", "is_required")
        if not changes:
            return old

        await self._fields.save(new)
        self._events.record(
            FieldUpdated(field_id=new.id, project_id=project.id, key=key, changes=changes), by=by
        )
        return new

    async def remove(self, project_key: str, key: str, *, by: Actor) -> None:
        """Take a definition away; the values in tasks stay, and are free then."""
        project = await self._projects.get(project_key)
        field = await self._fields.get(project, key)

        await self._fields.remove(field.id)
        self._events.record(FieldRemoved(field_id=field.id, project_id=project.id, key=key), by=by)

    async def check(
        self, project_id: ProjectId, new: Mapping[str, Any], old: Mapping[str, Any] | None
    ) -> None:
        """Check the values of a task in a project; `old` is None for a new one.

        Raises FieldValueInvalid or FieldRequired.
        """
        fields = await self._fields.list_of(project_id)
        check_values(fields, new, old)
        named = {
            field.key: found
            for field in fields
            if field.type is FieldType.MEMBER and (found := member_id(new.get(field.key)))
        }
        if named:
            present = await self._fields.list_present(named.values())
            for key, actor_id in named.items():
                if actor_id not in present and (old is None or old.get(key) != new[key]):
                    why = "a member or agent of this workspace"
                    raise FieldValueInvalid(key=key, why=why, field=f"custom.{key}")


def _check_choices(field_type: FieldType, choices: Sequence[str]) -> None:
    if (field_type is FieldType.CHOICE) != bool(choices):
        raise FieldChoices(field="choices")
