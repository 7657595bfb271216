"""The running server keeps what its OpenAPI description promises, whatever is sent to it."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import httpx2 as httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from nexus.entrypoints.http import create_app_for_description
from tests.conftest import DATABASES, a_postgres_database

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
    """A server process with an owner's key, and the ids of what was put into it."""

    url: str
    key: str
    known: dict[str, list[str]]


@pytest.fixture(scope="session", params=DATABASES)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with ExitStack() as stack:
        database = f"sqlite:///{folder / 'nexus.db'}"
        if request.param == "postgresql":
            worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
            database = stack.enter_context(a_postgres_database(f"nexus_contract_{worker}"))
        url, key = stack.enter_context(_a_server(folder, database))
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as http:
            known = _seed(http)
        yield Served(url=url, key=key, known=known)


@schema.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_the_description_promises(
    case: schemathesis.Case, served: Served
) -> None:
    _point_at_what_is_there(case, served.known)
    if case.path.endswith("/stream"):
        case.query = {**(case.query or {}), "wait": "0"}  # or it would stay

    response = case.call(base_url=served.url, headers={"Authorization": f"Bearer {served.key}"})

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


@contextmanager
def _a_server(folder: Path, database: str) -> Iterator[tuple[str, str]]:
    port = _free_port()
    environment = os.environ | {
        "NEXUS_DATABASE__URL": database,
        "NEXUS_HTTP__PORT": str(port),
        "NEXUS_HTTP__REQUESTS_PER_MINUTE": "10000000",
        "NEXUS_PROFILE_PATH": str(folder / "profiles.toml"),
        "NEXUS_LOG__LEVEL": "error",
    }
    program = [str(Path(sys.executable).with_name("nexus")), "serve", "--migrate"]
    log = folder / "server.log"
    with log.open("w") as out:
        server = subprocess.Popen(program, cwd=folder, env=environment, stdout=out, stderr=out)
    try:
        yield _when_ready(server, f"http://127.0.0.1:{port}", log)
        assert server.poll() is None, f"It ended with {server.returncode}:\n{log.read_text()}"
    finally:
        server.terminate()
        server.wait(timeout=30)


def _when_ready(server: subprocess.Popen[bytes], url: str, log: Path) -> tuple[str, str]:
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            ready = httpx.get(f"{url}/readyz").status_code == 200
        except httpx.TransportError:
            ready = False
        if ready and (found := re.search(r"nxs_[\w-]+", log.read_text())):
            return url, found.group()
        time.sleep(0.1)
    pytest.fail(f"The server did not start:\n{log.read_text()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _seed(http: httpx.Client) -> dict[str, list[str]]:
    """Some of everything, so that ids in paths lead somewhere."""

    def post(path: str, body: dict[str, Any]) -> Any:
        answer = http.post(f"/api/v1{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    me = http.get("/api/v1/me").json()
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
        "label": [one["id"] for one in http.get("/api/v1/labels").json()["items"]],
        "invitation": [invited.get("invitation", invited).get("id")],
        "key": spare,
    }
