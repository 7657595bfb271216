"""The running server keeps what its OpenAPI description promises, whatever is sent to it."""

from collections.abc import Iterator
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from requests import Session
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from nexus.entrypoints.http import create_app_for_description
from tests.conftest import DATABASES
from tests.server import Server
from tests.terminal import a_server

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

schema = schemathesis.openapi.from_dict(create_app_for_description().openapi)


@dataclass(frozen=True, kw_only=True)
class Served:
    """A server, the ids of what was put into it, and a connection to it."""

    server: Server
    known: dict[str, list[str]]
    session: Session


@pytest.fixture(scope="session", params=["on both databases"])
def served(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[list[Served]]:
    """One on each database: to think of what to send takes as long as to send it."""
    extra = {"NEXUS_HTTP__REQUESTS_PER_MINUTE": "10000000", "NEXUS_LOG__LEVEL": "error"}
    found: list[Served] = []
    with ExitStack() as stack:
        for kind in DATABASES:
            folder = tmp_path_factory.mktemp(kind)
            name = f"nexus_contract_{worker_id}"
            try:
                server = stack.enter_context(a_server(kind, folder, name, extra))
            except pytest.skip.Exception:  # there is no PostgreSQL here
                continue
            session = stack.enter_context(Session())
            session.trust_env = False  # or it asks the environment for proxies every time
            found.append(Served(server=server, known=_seed(server), session=session))
        yield found
        for one in found:
            assert one.server.process.poll() is None, f"It ended:\n{one.server.err.read_text()}"


@schema.parametrize()
@settings(
    max_examples=5,  # beside those at the limits of every value, which are some dozens
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_the_description_promises(
    case: schemathesis.Case, served: list[Served]
) -> None:
    if case.path.endswith("/stream"):
        case.query = {**(case.query or {}), "wait": "0"}  # or it would stay
    generated = (case.path_parameters, case.query, case.body)
    for one in served:
        case.path_parameters, case.query, case.body = deepcopy(generated)
        _point_at_what_is_there(case, one.known)
        headers = {"Authorization": f"Bearer {one.server.key}"}
        response = case.call(base_url=one.server.url, session=one.session, headers=headers)

        case.validate_response(response, checks=CHECKS)


def _point_at_what_is_there(case: schemathesis.Case, known: dict[str, list[str]]) -> None:
    """Generated ids lead nowhere, so seven of eight requests get the ids of what was put in."""
    body = case.body if isinstance(case.body, dict) and "key" not in case.body else {}
    generated = repr((case.path_parameters, case.query, case.body))
    turn = crc32(generated.encode("utf-8", "surrogatepass"))
    for values in (case.path_parameters, case.query or {}, body):
        for name, value in values.items():
            ids = known.get(_NOUNS.get(name, name.removesuffix("_id")), [])
            if turn % 8 and ids and isinstance(value, str):
                values[name] = ids[turn % len(ids)]


_NOUNS = dict.fromkeys(["depends_on", "parent", "after", "before"], "task")
_NOUNS |= {"key": "project", "lead_id": "user", "assignee": "user"}
"""What a parameter or field names, where its own name does not say it."""


def _seed(server: Server) -> dict[str, list[str]]:
    """Some of everything, so that ids in paths lead somewhere."""

    def post(path: str, body: dict[str, Any]) -> Any:
        return server.call("POST", path, json=body)

    me = server.call("GET", "/me")
    invited = post("/users", {"email": "grace@nexus.test", "role": "developer"})
    repository = post("/repositories", {"name": "api", "url": "https://git.test/api"})
    projects = [post("/projects", {"key": key, "name": key})["key"] for key in ("API", "WEB")]
    tasks = [
        post("/tasks", {"project": "API", "title": f"Task {i}", "acceptance": ["It works"]})
        for i in range(6)
    ]
    keys = [task["key"] for task in tasks]
    post(f"/tasks/{keys[1]}/dependencies", {"depends_on": keys[0]})
    comment = post(f"/tasks/{keys[0]}/comments", {"body": "Look at this."})
    link = post(f"/tasks/{keys[0]}/links", {"kind": "related", "task": keys[2]})
    post("/tasks", {"project": "WEB", "title": "With a label", "labels": ["urgent"]})
    spare = [post("/keys", {"name": f"spare {i}"})["key"]["id"] for i in range(3)]
    return {
        "task": [*keys, tasks[0]["id"]],
        "item": [task["acceptance"][0]["id"] for task in tasks],
        "project": projects,
        "repository": [repository["id"]],
        "user": [me["actor"]["id"]],
        "workspace": [me["workspace_id"]],
        "comment": [comment["id"]],
        "link": [one["id"] for one in link["links"]],
        "label": [one["id"] for one in server.call("GET", "/labels")["items"]],
        "invitation": [invited.get("invitation", invited).get("id")],
        "key": spare,
    }
