"""Which requests are sent: drawn once from the seeded tasks, the same for every route."""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from urllib.parse import urlencode

import msgspec

from bench.calls import Call, Plan
from bench.seeding import Seeded
from nexus.features.tasks.domain import Task, TaskStatus

API = "/api/v1"
OPERATIONS = ("get", "list", "search", "ready", "create", "status")
LIVE = ("events", "jobs", "claims")
"""What is measured beside them, each on databases of its own."""

WRITES = frozenset({"create", "status"})
_GETS, _LISTS, _BODIES, _MOVED = 1_000, 240, 16, 64


def plan(seeded: Seeded, operations: Sequence[str]) -> Plan:
    rng = Random(len(seeded.tasks))
    makers: Mapping[str, Callable[[Random, Seeded], list[Call]]] = {
        "get": _get,
        "list": _list,
        "search": _search,
        "ready": _ready,
        "create": _create,
        "status": _status,
    }
    drawn = {name: make(rng, seeded) for name, make in makers.items()}
    return Plan(key=seeded.key, calls={name: drawn[name] for name in operations})


def _get(rng: Random, seeded: Seeded) -> list[Call]:
    """Four of five by key, as people and agents ask; the others by id."""
    tasks = rng.choices(seeded.tasks, k=_GETS)
    names = [str(task.id) if place % 5 == 0 else task.key for place, task in enumerate(tasks)]
    return [Call("GET", f"{API}/tasks/{name}") for name in names]


def _list(rng: Random, seeded: Seeded) -> list[Call]:
    return [_query(_filter(rng, seeded)) for _ in range(_LISTS)]


def _filter(rng: Random, seeded: Seeded) -> dict[str, str | list[str]]:
    project, label = rng.choice(seeded.projects), rng.choice(seeded.labels)
    statuses = ["todo", "in_progress", "in_review", "backlog", "done"]
    filters: list[dict[str, str | list[str]]] = [
        {"status": "todo", "project": project},
        {"status": rng.choice(statuses), "project": project, "sort": "priority"},
        {"status": ["todo", "in_progress", "in_review"]},
        {"project": project, "sort": "rank"},
        {"label": label, "status": "todo"},
        {"assignee": "me", "sort": "updated"},
        {"assignee": "none", "priority": ["critical", "high"]},
        {"sort": "updated"},
    ]
    return rng.choice(filters)


def _search(rng: Random, seeded: Seeded) -> list[Call]:
    return [_query({"q": seeded.vocabulary.query(rng)}) for _ in range(_LISTS)]


def _ready(_rng: Random, _seeded: Seeded) -> list[Call]:
    return [_query({"ready": "true", "sort": "next"})]


def _query(parameters: Mapping[str, str | list[str]]) -> Call:
    query = urlencode({**parameters, "limit": "50"}, doseq=True)
    return Call("GET", f"{API}/tasks?{query}")


def _create(rng: Random, seeded: Seeded) -> list[Call]:
    words = seeded.vocabulary
    bodies = [
        {
            "project": rng.choice(seeded.projects),
            "title": words.title(rng),
            "description": words.paragraphs(rng, 50),
            "priority": rng.choice(["high", "medium", "low"]),
            "labels": rng.sample(seeded.labels, 2),
        }
        for _ in range(_BODIES)
    ]
    return [
        Call("POST", f"{API}/tasks", msgspec.json.encode(body).decode(), 201) for body in bodies
    ]


def _status(rng: Random, seeded: Seeded) -> list[Call]:
    """Every task there and back, so that each call changes something: calls go in pairs."""
    waiting = [task for task in seeded.tasks if _can_move(task)]
    moved = rng.sample(waiting, min(_MOVED, len(waiting)))
    return [
        Call("PATCH", f"{API}/tasks/{task.key}/status", f'{{"status":"{status}"}}')
        for task in moved
        for status in (TaskStatus.IN_PROGRESS.value, TaskStatus.TODO.value)
    ]


def _can_move(task: Task) -> bool:
    return task.status is TaskStatus.TODO and task.archived_at is None
