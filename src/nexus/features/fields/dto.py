"""Custom fields on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from nexus.features.fields.domain import CustomField, FieldType
from nexus.platform.fields import Name

FieldKey = Annotated[
    str,
    Meta(
        pattern="^[a-z][a-z0-9_]{0,49}$",
        description="Lower-case letters, digits and underscores, beginning with a letter.",
        examples=["severity"],
    ),
]
Choices = Annotated[list[Name], Meta(max_length=200)]


class FieldIn(Struct, forbid_unknown_fields=True, frozen=True):
    """`choices` for the type `choice` alone. A required field is asked for on new tasks."""

    key: FieldKey
    name: Name
    type: FieldType
    choices: Choices = []
    is_required: bool = False


class FieldPatch(Struct, forbid_unknown_fields=True, frozen=True):
    name: Name | UnsetType = UNSET
    choices: Choices | UnsetType = UNSET
    is_required: bool | UnsetType = UNSET


class FieldOut(Struct, frozen=True):
    id: UUID
    key: str
    name: str
    type: FieldType
    choices: list[str]
    is_required: bool
    created_at: datetime

    @classmethod
    def of(cls, field: CustomField) -> "FieldOut":
        return cls(
            id=field.id,
            key=field.key,
            name=field.name,
            type=field.type,
            choices=list(field.choices),
            is_required=field.is_required,
            created_at=field.created_at,
        )


class FieldPage(Struct, frozen=True):
    items: list[FieldOut]
    next_cursor: str | None
