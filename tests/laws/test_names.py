"""Laws of names (HOUSE.md A4): one word for one thing, so that it can be found."""

import dataclasses
import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Boolean, Constraint, Date, Table, Uuid

import nexus
from nexus.platform.actor import PERMISSIONS, ROLE_PERMISSIONS
from nexus.platform.columns import Base, Instant
from nexus.platform.errors import AppError
from nexus.platform.events import Event
from tests.laws.sources import sources

FORBIDDEN = {"utils", "util", "helpers", "common", "base", "manager", "core", "misc"}
WORDS = r"[a-z]+(?:_[a-z]+)*"
IRREGULAR = {"begun", "lost", "sent", "found", "held", "left", "met"}
PREFIXES = {"primary_key": "pk", "foreign_key": "fk", "unique": "uq", "check": "ck"}


@pytest.fixture(scope="module", autouse=True)
def _everything_is_imported() -> None:
    for module in pkgutil.walk_packages(nexus.__path__, "nexus."):
        if ".migrations" not in module.name:
            importlib.import_module(module.name)


def test_every_event_has_a_name_of_its_own() -> None:
    events = [event for event in _leaves(Event) if event.__module__.startswith("nexus.")]

    names = Counter(event.name for event in events)

    assert len(events) > 25
    assert [name for name, times in names.items() if times > 1] == []


def test_every_events_name_is_a_noun_and_what_became_of_it() -> None:
    events = [event for event in _leaves(Event) if event.__module__.startswith("nexus.")]

    wrong = [
        f"{event.__name__}: {event.name}"
        for event in events
        if not re.fullmatch(rf"{WORDS}\.{WORDS}", event.name)
        or not _is_past(event.name.rpartition(".")[2].rpartition("_")[2] or event.name)
    ]

    assert wrong == []


def test_every_event_is_a_frozen_value_that_names_its_subject() -> None:
    events = [event for event in _leaves(Event) if event.__module__.startswith("nexus.")]

    wrong = [
        event.__name__
        for event in events
        if event.subject_field not in {field.name for field in dataclasses.fields(event)}
        or not event.__dataclass_params__.frozen  # pyright: ignore[reportAttributeAccessIssue]
        or not event.__module__.endswith(".events")
    ]

    assert wrong == []


def test_every_error_of_a_feature_has_a_code_and_a_sentence_of_its_own() -> None:
    errors = [error for error in _below(AppError) if error.__module__.startswith("nexus.features")]

    codes = Counter(error.code for error in _below(AppError))
    wrong = [
        f"{error.__name__}: {error.code}"
        for error in errors
        if "code" not in vars(error)
        or not re.fullmatch(rf"{WORDS}\.{WORDS}", error.code)
        or error.__name__.endswith("Error")
        or not error.__module__.endswith(".errors")
        or not _is_sentence(error.message)
    ]

    assert len(errors) > 30
    assert [code for code, times in codes.items() if times > 1] == []
    assert wrong == []


def test_every_permission_is_a_feature_and_a_verb() -> None:
    features = {source.feature for source in sources() if source.feature} | {"users", "labels"}

    wrong = [
        permission
        for permission in PERMISSIONS
        if not re.fullmatch(r"[a-z]+:[a-z]+", permission)
        or permission.partition(":")[0] not in features
    ]

    assert wrong == []
    assert set().union(*ROLE_PERMISSIONS.values()) == PERMISSIONS


def test_no_module_has_a_name_that_says_nothing() -> None:
    names = {Path(source.name) for source in sources()}

    wrong = [str(path) for path in names if FORBIDDEN & {path.stem, *path.parent.parts}]

    assert wrong == []


def test_every_feature_is_a_plural_noun_with_its_rooms() -> None:
    needed = {"__init__", "domain", "dto", "repository", "service", "controller", "wiring"}
    kept_elsewhere = {"jobs": {"domain", "repository"}}  # by the platform's job engine
    features = {source.feature for source in sources() if source.feature}

    wrong = {
        feature: missing
        for feature in features
        if (
            missing := needed
            - {one.room for one in sources() if one.feature == feature}
            - kept_elsewhere.get(str(feature), set())
        )
        or not str(feature).endswith(("s", "identity"))
    }

    assert len(features) > 7
    assert wrong == {}


def test_every_table_is_a_plural_and_its_row_class_says_row() -> None:
    mappers = list(Base.registry.mappers)

    wrong = [
        f"{mapper.class_.__name__}: {mapper.local_table}"
        for mapper in mappers
        if not mapper.class_.__name__.endswith("Row")
        or not re.fullmatch(rf"{WORDS}s", str(mapper.local_table))
    ]

    assert len(mappers) > 20
    assert wrong == []


def test_every_column_says_what_it_holds() -> None:
    columns = [
        (f"{table.name}.{column.name}", column)
        for table in Base.metadata.sorted_tables
        for column in table.columns
    ]

    wrong = [
        name
        for name, column in columns
        if (isinstance(column.type, Instant) and not name.endswith("_at"))
        or (isinstance(column.type, Date) and not name.endswith("_on"))
        or (isinstance(column.type, Uuid) and not name.endswith(("_id", ".id", "_by")))
        or (isinstance(column.type, Boolean) and ".is_" not in name)
    ]

    assert wrong == []


def test_every_constraint_has_its_name_by_the_convention() -> None:
    constraints = [
        (table, constraint)
        for table in Base.metadata.sorted_tables
        for constraint in table.constraints
    ]

    wrong = [
        f"{table.name}: {constraint.name}"
        for table, constraint in constraints
        if not _is_named_for(table, constraint)
    ]
    indexes = [
        index.name
        for table in Base.metadata.sorted_tables
        for index in table.indexes
        if not str(index.name).startswith(f"ix_{table.name}_")
    ]

    assert wrong == []
    assert indexes == []
    assert [one.name for _, one in constraints if len(str(one.name)) > 63] == []


def test_everything_on_the_wire_is_called_in_patch_out_or_page() -> None:
    structs = [
        one
        for one in _below(msgspec.Struct)
        if re.fullmatch(r"nexus\.features\.[a-z]+\.dto", one.__module__)
    ]

    wrong = [
        one.__name__ for one in structs if not re.search(r"(In|Patch|Out|Page)$", one.__name__)
    ]
    lenient = [
        one.__name__
        for one in structs
        if re.search(r"(In|Patch)$", one.__name__)
        and not one.__struct_config__.forbid_unknown_fields
    ]

    assert len(structs) > 30
    assert wrong == []
    assert lenient == []


def _below(root: type) -> Iterator[type]:
    for one in root.__subclasses__():
        yield one
        yield from _below(one)


def _leaves(root: type[Event]) -> list[type[Event]]:
    return [one for one in _below(root) if not one.__subclasses__()]


def _is_past(word: str) -> bool:
    return word.endswith("ed") or word in IRREGULAR


def _is_sentence(text: str) -> bool:
    return bool(re.match(r"[A-Z{']", text)) and text.endswith((".", "{why}", "!"))


def _is_named_for(table: Table, constraint: Constraint) -> bool:
    prefix = PREFIXES[constraint.__visit_name__.removesuffix("_constraint")]
    name = str(constraint.name)
    return name == f"pk_{table.name}" or name.startswith(f"{prefix}_{table.name}_")
