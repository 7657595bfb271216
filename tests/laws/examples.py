"""One good request for every operation, in an order in which all of them can be carried out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2 as httpx

from nexus.entrypoints.http import Nexus
from tests.cast import PASSWORD
from tests.laws.routes import Route, operation_of
from tests.laws.world import World, backlog

Things = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Example:
    """The body and query of a good request. A GET needs none of them."""

    body: Callable[[Things], Any] | None = None
    query: dict[str, str] = field(default_factory=dict[str, str])
    content: bytes | None = None
    path: Mapping[str, str] = field(default_factory=dict[str, str])
    """The things that path parameters name here, where they are not the usual ones."""


PARAMETERS: dict[str, tuple[str, ...]] = {
    "task": ("task", "task_id"),
    "depends_on": ("dependency", "dependency_id"),
    "item_id": ("item",),
    "link_id": ("link",),
    "comment_id": ("comment",),
    "label_id": ("label",),
    "key": ("project",),
    "user_id": ("user",),
    "repository_id": ("repository",),
    "workspace_id": ("workspace",),
    "invitation_id": ("invitation",),
    "import_id": ("import",),
    "job": ("job",),
    "webhook_id": ("webhook",),
    "delivery_id": ("delivery",),
    "key_id": ("key",),
    "view_id": ("view",),
    "field": ("field",),
    "session_id": ("session",),
    "agent": ("agent",),
    "agent_id": ("agent",),
    "run_id": ("run",),
    "question_id": ("question",),
    "evidence_id": ("evidence",),
    "budget_id": ("budget",),
    "proposal_id": ("proposal",),
}
"""Path parameter -> the things of a world that it may name; the first one unless all are tried."""

REFERENCES: dict[str, tuple[str, ...]] = {
    "project": ("project",),
    "parent": ("root", "task_id"),
    "dependencies": ("free", "task_id"),
    "depends_on": ("free", "task_id"),
    "task": ("free", "task_id"),
    "after": ("free", "task_id"),
    "before": ("free", "task_id"),
    "assignees": ("user",),
    "lead_id": ("user",),
    "repository_id": ("repository",),
    "repositories": ("repository",),
    "projects": ("project",),
}
"""Field of a body that names a thing -> the things of a world that it may name."""

QUERY_REFERENCES = {
    "project": "project",
    "parent": "task",
    "task": "task",
    "repository": "repository",
    "assignee": "user",
    "created_by": "user",
    "actor": "user",
    "label": "label_name",
    "subject": "subject",
    "agent": "agent",
    "run": "run",
}
"""Query parameter -> the thing of a world that it may name."""

EXAMPLES: dict[str, Example] = {
    "listTasks": Example(query={"limit": "200"}),
    "getTask": Example(),
    "listTaskDependencies": Example(),
    "listTaskComments": Example(query={"limit": "200"}),
    "listTaskActivity": Example(query={"limit": "200"}),
    "listLabels": Example(query={"limit": "200"}),
    "listProjects": Example(query={"limit": "200"}),
    "getProject": Example(),
    "listProjectMembers": Example(),
    "listProjectRepositories": Example(),
    "listRepositories": Example(query={"limit": "200"}),
    "getRepository": Example(),
    "listUsers": Example(query={"limit": "200"}),
    "getUser": Example(),
    "listInvitations": Example(query={"limit": "200"}),
    "getWorkspace": Example(),
    "listImports": Example(query={"limit": "200"}),
    "getImport": Example(),
    "exportTasks": Example(query={"format": "taskmaster"}),
    "listImportRecords": Example(query={"limit": "200"}),
    "listFields": Example(),
    "getProjectGraph": Example(query={"finished": "true"}),
    "whyTask": Example(),
    "listViews": Example(query={"limit": "200"}),
    "getView": Example(),
    "listKeys": Example(query={"limit": "200"}),
    "getKey": Example(),
    "listEvents": Example(query={"limit": "200"}),
    "watchEvents": Example(query={"after": "0", "wait": "0", "name": "key.created"}),
    "listSessions": Example(),
    "getMe": Example(),
    "listAgents": Example(query={"limit": "200"}),
    "getAgent": Example(),
    "listAgentKeys": Example(query={"limit": "200"}),
    "nextTask": Example(query={"agent": "@AGENT"}),
    "listRuns": Example(query={"limit": "200"}),
    "getRun": Example(),
    "listRunLog": Example(query={"limit": "200"}),
    "listRunQuestions": Example(query={"limit": "200"}),
    "getRunQuestion": Example(),
    "listRunEvidence": Example(path={"run_id": "accepted_run"}),
    "listWorkLimits": Example(),
    "listBudgets": Example(query={"limit": "200"}),
    "resumeAgents": Example(),
    "claimTask": Example(body=lambda _: {}),
    "heartbeatRun": Example(body=lambda _: {}),
    "progressRun": Example(body=lambda _: {"note": "Half of it.", "progress": 50}),
    "logRun": Example(body=lambda _: {"lines": [{"text": "A line."}]}),
    "useRun": Example(body=lambda _: {"tokens_in": 1, "cost": 0.01, "model": "a model"}),
    "askRun": Example(body=lambda _: {"text": "Which one?"}),
    "answerRun": Example(body=lambda _: {"answer": "That one."}),
    "verifyRunEvidence": Example(
        body=lambda _: {"verdict": "confirmed"}, path={"run_id": "accepted_run"}
    ),
    "submitRun": Example(
        body=lambda _: {
            "summary": "Done.",
            "evidence": [{"kind": "commit", "sha": "abcdef0", "paths": ["src/a.py"]}],
        },
        path={"run_id": "submitted_run"},
    ),
    "releaseRun": Example(body=lambda _: {"reason": "No."}, path={"run_id": "released_run"}),
    "failRun": Example(body=lambda _: {"reason": "No."}, path={"run_id": "failed_run"}),
    "cancelRun": Example(body=lambda _: {"reason": "No."}, path={"run_id": "cancelled_run"}),
    "acceptRun": Example(body=lambda _: {}, path={"run_id": "accepted_run"}),
    "rejectRun": Example(body=lambda _: {"reason": "No."}, path={"run_id": "rejected_run"}),
    "registerAgent": Example(body=lambda _: {"name": "Another"}),
    "updateAgent": Example(body=lambda _: {"description": "Another"}),
    "pauseAgent": Example(body=lambda _: {"reason": "Lunch."}),
    "resumeAgent": Example(),
    "pauseAgents": Example(body=lambda _: {"reason": "Lunch."}),
    "createAgentKey": Example(body=lambda _: {"name": "another"}),
    "rotateAgentKey": Example(body=lambda _: {"overlap_s": 60}, path={"key_id": "agent_key"}),
    "revokeAgentKey": Example(path={"key_id": "agent_key"}),
    "setWorkLimit": Example(body=lambda t: {"project": t["project"], "max_running": 50}),
    "setBudget": Example(body=lambda t: {"project": t["project"], "tokens": 1_000_000}),
    "removeBudget": Example(),
    "holdTask": Example(),
    "unholdTask": Example(),
    "setProjectPolicy": Example(body=lambda _: {"landing": "done"}),
    "createTask": Example(body=lambda t: {"project": t["project"], "title": "Another"}),
    "updateTask": Example(body=lambda _: {"title": "Another title"}),
    "updateTasks": Example(
        body=lambda t: {"items": [{"task": t["loose"], "version": 1, "priority": "high"}]}
    ),
    "recurTask": Example(body=lambda _: {"rule": "FREQ=WEEKLY;BYDAY=MO"}),
    "unrecurTask": Example(),
    "createField": Example(body=lambda _: {"key": "points", "name": "Points", "type": "number"}),
    "updateField": Example(body=lambda _: {"name": "Another name"}),
    "removeField": Example(),
    "createView": Example(body=lambda _: {"name": uuid4().hex, "query": {"ready": True}}),
    "updateView": Example(body=lambda _: {"name": uuid4().hex}),
    "removeView": Example(),
    "moveTask": Example(body=lambda t: {"after": t["free"]}),
    "setTaskAcceptance": Example(body=lambda _: {"is_met": True}),
    "dependTask": Example(body=lambda t: {"depends_on": t["free"]}),
    "undependTask": Example(),
    "linkTask": Example(body=lambda t: {"kind": "duplicates", "task": t["free"]}),
    "unlinkTask": Example(),
    "commentTask": Example(body=lambda _: {"body": "Well done."}),
    "updateComment": Example(body=lambda _: {"body": "Better done."}),
    "removeComment": Example(),
    "setTaskStatus": Example(body=lambda _: {"status": "done"}),
    "transferTask": Example(body=lambda t: {"project": t["other"]}),
    "updateLabel": Example(body=lambda _: {"name": f"label {uuid4().hex}"}),
    "removeLabel": Example(),
    "createProject": Example(body=lambda t: {"key": f"{t['project']}X", "name": "Another"}),
    "updateProject": Example(body=lambda _: {"name": "Another name"}),
    "removeProjectMember": Example(),
    "addProjectMember": Example(),
    "removeProjectRepository": Example(),
    "addProjectRepository": Example(),
    "createRepository": Example(
        body=lambda _: {"name": uuid4().hex, "url": f"https://git.test/{uuid4().hex}"}
    ),
    "updateRepository": Example(body=lambda _: {"default_branch": "trunk"}),
    "updateUser": Example(body=lambda _: {"role": "viewer"}),
    "inviteUser": Example(body=lambda _: {"email": f"{uuid4().hex}@nexus.test"}),
    "acceptInvitation": Example(
        body=lambda t: {"token": t["token"], "name": "Eve", "password": PASSWORD}
    ),
    "revokeInvitation": Example(),
    "createWorkspace": Example(body=lambda _: {"name": "Another"}),
    "updateWorkspace": Example(body=lambda _: {"name": "Another name"}),
    "createImport": Example(content=backlog("Another"), query={"source": "another"}),
    "listWebhooks": Example(query={"limit": "200"}),
    "createWebhook": Example(body=lambda _: {"name": "another", "url": "https://hook.test/"}),
    "getWebhook": Example(),
    "updateWebhook": Example(body=lambda _: {"name": "another name"}),
    "rotateWebhook": Example(body=lambda _: {}),
    "testWebhook": Example(),
    "listWebhookDeliveries": Example(query={"limit": "200"}),
    "replayWebhookDelivery": Example(),
    "removeWebhook": Example(),
    "getLiveness": Example(),
    "getComplexityModel": Example(),
    "explainComplexity": Example(),
    "expandTask": Example(body=lambda _: {"complexity": 5, "subtasks": [{"title": "A part"}]}),
    "listProposals": Example(query={"limit": "200"}),
    "getProposal": Example(),
    "acceptProposal": Example(),
    "rejectProposal": Example(path={"proposal_id": "rejected_proposal"}, body=lambda _: {}),
    "listAlerts": Example(query={"limit": "200"}),
    "listJobs": Example(query={"limit": "200"}),
    "getJob": Example(),
    "retryJob": Example(),
    "cancelJob": Example(),
    "createKey": Example(body=lambda _: {"name": "another"}),
    "rotateKey": Example(body=lambda _: {"overlap_s": 60}),
    "revokeKey": Example(),
    "signIn": Example(body=lambda t: {"email": t["email"], "password": PASSWORD}),
    "updateMe": Example(body=lambda _: {"name": "Another"}),
    "revokeSession": Example(),
    "leaveWorkspace": Example(),
    "removeUser": Example(),
    "removeAgent": Example(),
}
"""Operation id -> a good request, made in a world. A new operation joins here, before it ends."""


def example_of(route: Route) -> Example:
    assert route.operation_id in EXAMPLES, (
        f"{route.title} has no example: add one to EXAMPLES in tests/laws/examples.py, "
        "so that the walls and budgets hold for it too."
    )
    return EXAMPLES[route.operation_id]


def path_of(route: Route, things: Things) -> str:
    """The route's path in a world, with the first example of every parameter."""
    named = example_of(route).path
    return route.filled(
        {name: things[named.get(name, _named(route, name)[0])] for name in route.parameters}
    )


def paths_into(
    route: Route, own: Things, foreign: Things, only: set[str] | None = None
) -> set[str]:
    """The route's paths with something foreign in them: everything, or one thing among own ones."""
    paths: set[str] = set()
    for name in route.parameters:
        choices = _named(route, name)
        if only is not None and name not in only:
            continue
        for choice in choices:
            for others in (own, foreign):
                values = {other: others[_named(route, other)[0]] for other in route.parameters}
                paths.add(route.filled(values | {name: foreign[choice]}))
    return paths


async def send(
    route: Route,
    world: World,
    *,
    who: Any = None,
    path: str | None = None,
    body: Any = None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """Send the route's example, by somebody who may, with what is given instead."""
    example = example_of(route)
    asked_for = {
        name: world.things["agent"] if value == "@AGENT" else value
        for name, value in example.query.items()
    }
    options: dict[str, Any] = {"params": asked_for | dict(query or {})}
    extra = dict(headers or {})
    if example.content is not None:
        options["content"] = example.content
        extra["Content-Type"] = "application/octet-stream"
    elif body is not None:
        options["json"] = body
    elif example.body:
        options["json"] = example.body(world.things)
    caller = who or caller_of(route, world)
    where = path if path is not None else path_of(route, world.things)
    return await caller.call(route.method, where, headers=extra, **options)


def caller_of(route: Route, world: World) -> Any:
    """Who may send this: a session where one is needed, else the owner's key, else nobody."""
    if route.guard.needs_session:
        return world.second
    if route.guard.permission == "tasks:claim":
        return world.robot
    return world.owner if route.guard.needs_caller else world.stranger


def pointing(route: Route, world: World, field: str, value: str) -> dict[str, Any]:
    """The route's good body, with one field that points at something."""
    example = example_of(route)
    body = example.body(world.things) if example.body else {}
    if field in {"before", "after"}:
        body = {}
    if route.operation_id in {"setWorkLimit", "setBudget"}:  # for one thing alone
        body = {name: value for name, value in body.items() if name not in REFERENCES}
    is_list = field in {"dependencies", "assignees", "repositories", "projects"}
    return body | {field: [value] if is_list else value}


def query_references(app: Nexus, route: Route) -> list[str]:
    """The query parameters of a route that name a thing."""
    parameters = operation_of(app, route).get("parameters", []) if route.is_described else []
    return [
        one["name"]
        for one in parameters
        if one["in"] == "query" and one["name"] in QUERY_REFERENCES
    ]


def asked(name: str, world: World) -> str:
    """What a query parameter names in a world."""
    things = world.things | {
        "label_name": f"label {world.things['project']} 0",
        "subject": f"task:{world.things['task_id']}",
    }
    return things[QUERY_REFERENCES[name]]


def _named(route: Route, name: str) -> tuple[str, ...]:
    assert name in PARAMETERS, (
        f"{route.title} has a path parameter {name!r} that the laws do not know: add an example "
        "to PARAMETERS in tests/laws/examples.py, and build the thing in tests/laws/world.py."
    )
    return PARAMETERS[name]
