"""What can be wrong with custom fields."""

from nexus.platform.errors import Conflict, Invalid, NotFound


class FieldNotFound(NotFound):
    code = "field.not_found"
    message = "The project {project} has no custom field '{key}'."


class FieldTaken(Conflict):
    code = "field.taken"
    message = "The project {project} has a custom field '{key}' already."


class FieldChoices(Invalid):
    code = "field.choices"
    message = "A choice needs 'choices' to choose from, and no other type takes any."


class FieldValueInvalid(Invalid):
    code = "field.value_invalid"
    message = "The custom field '{key}' takes {why}."


class FieldRequired(Invalid):
    code = "field.required"
    message = "The custom field '{key}' must have a value in this project."


class TooManyFields(Conflict):
    code = "field.too_many"
    message = "The project {project} has {limit} custom fields; there cannot be more."
