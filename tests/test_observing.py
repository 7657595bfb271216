"""What a server says of itself: lines, numbers, traces and reports, and no secret in any."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx
import psycopg
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client.parser import text_string_to_metric_families
from sentry_relay.processing import StoreNormalizer
from sqlalchemy import make_url

from nexus.entrypoints.http import Nexus
from tests.cast import PASSWORD
from tests.conftest import a_postgres_database
from tests.receiver import Receiver, receiving, wait_until
from tests.server import Machine, Server

TRACES, REPORTS = "/v1/traces", "/api/7/envelope/"
VIEW = "Plantedview"
METRICS_TOKEN = "a-planted-token-of-metrics"
TRACE_ID, CALLERS_SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@dataclass(kw_only=True)
class Story:
    """What was done to a server, and what must not be found in anything it says."""

    server: Server
    sink: Receiver
    planted: dict[str, str] = field(default_factory=dict[str, str])
    answers: dict[str, httpx.Response] = field(default_factory=dict[str, httpx.Response])

    def ask(self, method: str, path: str, key: str | None = None, **options: Any) -> httpx.Response:
        headers = options.pop("headers", {})
        if key:
            headers = headers | {"Authorization": f"Bearer {key}"}
        url = f"{self.server.url}{path}"
        return httpx.request(method, url, headers=headers, timeout=60, **options)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [_flat(json.loads(line)) for line in self.server.err.read_text().splitlines()]

    def spans(self) -> list[Span]:
        return [
            span
            for one in self.sink.got(TRACES)
            for resource in ExportTraceServiceRequest.FromString(_unpacked(one)).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def reports(self) -> list[dict[str, Any]]:
        """The events in the envelopes that came."""
        found: list[dict[str, Any]] = []
        for one in self.sink.got(REPORTS):
            lines = _unpacked(one).split(b"\n")
            heads = zip(lines[1::2], lines[2::2], strict=False)
            found += [json.loads(body) for head, body in heads if b'"event"' in head]
        return found


def _flat(line: dict[str, Any], before: str = "") -> dict[str, Any]:
    """The fields by their names of the schema, however they are nested."""
    flat: dict[str, Any] = {}
    for name, value in line.items():
        flat |= (
            _flat(value, f"{before}{name}.") if isinstance(value, dict) else {before + name: value}
        )
    return flat


def _unpacked(received: Any) -> bytes:
    is_packed = received.headers.get("content-encoding") == "gzip"
    return gzip.decompress(received.body) if is_packed else received.body


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Story]:
    with receiving() as sink, a_postgres_database(f"nexus_observing_{worker_id}") as url:
        with_password = make_url(url).set(password="planted-database-password")
        extra = {
            "NEXUS_LOG__FORM": "json",
            "NEXUS_LOG__LEVEL": "debug",
            "NEXUS_METRICS__TOKEN": METRICS_TOKEN,
            "NEXUS_TRACING__ENDPOINT": sink.url(""),
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "SENTRY_DSN": f"http://plantedsentrykey@127.0.0.1:{sink.port}/7",
        }
        machine = Machine(
            folder=tmp_path_factory.mktemp("observed"),
            database_url=with_password.render_as_string(hide_password=False),
            extra=extra,
        )
        story = Story(server=machine.start(), sink=sink)
        story.planted = {"database": "planted-database-password", "metrics": METRICS_TOKEN}
        _sign_in(story)
        _change(story)
        _crash(story, url)
        yield story
        story.server.stop()


def _sign_in(story: Story) -> None:
    """Invite somebody who signs in with the right and with a wrong password and key."""
    key = story.server.key
    planted = story.planted
    planted["key"], planted["key's secret"] = key, key.split("_", 2)[2]
    planted["e-mail"] = "planted.person@observed.test"
    planted["wrong password"], planted["password"] = "planted wrong words", PASSWORD
    planted["wrong key"] = key[:-8] + "PLANTEDX"
    invited = story.ask("POST", "/api/v1/users", key, json={"email": planted["e-mail"]})
    planted["invitation"] = invited.json()["token"]
    account = {"token": planted["invitation"], "name": "Grace", "password": PASSWORD}
    story.ask("POST", "/api/v1/invitations/acceptances", json=account)
    for name in ("wrong password", "password"):
        body = {"email": planted["e-mail"], "password": planted[name]}
        story.answers[name] = story.ask("POST", "/api/v1/sessions", json=body)
    planted["csrf"] = story.answers["password"].json()["csrf_token"]
    planted["session"] = story.answers["password"].cookies["nexus_session"]
    cookie = {"Cookie": f"nexus_session={planted['session']}"}
    story.answers["by session"] = story.ask("GET", "/api/v1/me", headers=cookie)
    story.answers["wrong key"] = story.ask("GET", "/api/v1/me", planted["wrong key"])


def _change(story: Story) -> None:
    """Changes and reads, with what is nobody's business in bodies and queries."""
    key, planted = story.server.key, story.planted
    planted["query"], planted["title"] = "planted-token-in-a-query", "A planted title"
    body = {"name": "Hook", "url": "https://hook.test/", "events": ["x.*"]}
    made = story.ask("POST", "/api/v1/webhooks", key, json=body)
    planted["webhook"] = made.json()["secret"]
    story.ask("POST", f"/api/v1/webhooks/{made.json()['webhook']['id']}/tests", key)
    story.answers["project"] = story.ask(
        "POST", "/api/v1/projects", key, json={"key": "API", "name": "The API"}
    )
    story.answers["task"] = story.ask(
        "POST",
        "/api/v1/tasks",
        key,
        json={"project": "API", "title": planted["title"]},
        headers={"traceparent": f"00-{TRACE_ID}-{CALLERS_SPAN}-01"},
    )
    query = f"/api/v1/tasks?q={planted['query']}"
    story.answers["search"] = story.ask("GET", query, key)
    story.ask("GET", f"/api/v1/tasks?token={planted['query']}", key)
    story.ask("POST", "/api/v1/invitations/acceptances", json={"token": planted["query"]})


def _crash(story: Story, url: str) -> None:
    """Requests that find a table gone."""
    planted = story.planted
    planted["crashed e-mail"] = "crashed.planted@observed.test"
    with psycopg.connect(url, autocommit=True) as connection:
        for name in ("views", "invitations"):
            connection.execute(f"ALTER TABLE {name} RENAME TO {name}_gone")  # pyright: ignore[reportArgumentType]
        key, view = story.server.key, {"name": VIEW, "query": {}}
        story.answers["crash"] = story.ask("POST", "/api/v1/views", key, json=view)
        invited = {"email": planted["crashed e-mail"]}
        story.answers["other crash"] = story.ask("POST", "/api/v1/users", key, json=invited)
        for name in ("views", "invitations"):
            connection.execute(f"ALTER TABLE {name}_gone RENAME TO {name}")  # pyright: ignore[reportArgumentType]


def _answered(story: Story, name: str) -> dict[str, Any]:
    """The line of a request that was answered."""
    request_id = story.answers[name].headers["X-Request-Id"]
    (line,) = [
        line
        for line in story.lines
        if line["message"] == "request.answered" and line["http.request.id"] == request_id
    ]
    return line


def test_the_story_went_as_it_should(story: Story) -> None:
    statuses = {name: answer.status_code for name, answer in story.answers.items()}

    assert statuses == {
        "wrong password": 401,
        "password": 201,
        "by session": 200,
        "wrong key": 401,
        "project": 201,
        "task": 201,
        "search": 200,
        "crash": 500,
        "other crash": 500,
    }


def test_no_line_of_the_log_holds_what_is_nobodys_business(story: Story) -> None:
    written = story.server.err.read_text() + story.server.machine.folder.name

    found = {name for name, secret in story.planted.items() if secret in written}

    assert len(written.splitlines()) > 20
    assert found == set()


def test_what_people_wrote_is_in_no_line_of_a_crash(story: Story) -> None:
    written = story.server.err.read_text()

    found = VIEW in written

    assert not found


def test_every_line_is_an_object_of_the_common_schema(story: Story) -> None:
    lines = story.lines

    wrong = [
        line
        for line in lines
        if not {"@timestamp", "log.level", "message", "ecs.version"} <= line.keys()
    ]

    assert {line["log.level"] for line in lines} >= {"debug", "info", "warning", "error"}
    assert wrong == []


def test_the_line_of_a_change_leads_to_its_answer_and_its_events(story: Story) -> None:
    line = _answered(story, "task")

    events = story.server.call("GET", "/events?limit=200")["items"]
    known = {event["id"]: event["name"] for event in events}

    assert (line["http.request.method"], line["url.path"]) == ("POST", "/api/v1/tasks")
    assert line["http.response.status_code"] == 201
    assert line["log.level"] == "info"
    assert "task.created" in {known.get(one) for one in line["nexus.event.ids"]}
    assert set(line["nexus.event.ids"]) <= known.keys()
    assert line["trace.id"] == TRACE_ID


def test_reads_are_for_debugging_and_crashes_are_errors(story: Story) -> None:
    request_id = story.answers["crash"].headers["X-Request-Id"]
    crashed = [
        line
        for line in story.lines
        if line["log.level"] == "error" and line.get("http.request.id") == request_id
    ]

    assert _answered(story, "search")["log.level"] == "debug"
    assert "nexus.event.ids" not in _answered(story, "search")
    assert len(crashed) == 1
    assert "Traceback" in crashed[0]["error.stack_trace"]


def _numbers(text: str) -> dict[str, float]:
    """Samples by name and labels; fails where the text is not Prometheus's."""
    return {
        f"{one.name} {sorted(one.labels.items())}": one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def _measured(story: Story) -> dict[str, float]:
    answer = story.ask("GET", "/metrics", METRICS_TOKEN)
    assert answer.status_code == 200, answer.text
    return _numbers(answer.text)


def test_counters_grow_with_requests_and_unknown_paths_are_one(story: Story) -> None:
    me = "nexus_http_requests_total [('operation', 'getMe'), ('status', '200')]"
    nowhere = "nexus_http_requests_total [('operation', 'none'), ('status', '404')]"
    story.ask("GET", "/api/v1/nowhere/0", story.server.key)
    before = _measured(story)

    for number in range(3):
        story.server.call("GET", "/me")
        story.ask("GET", f"/api/v1/nowhere/{number}", story.server.key)
        story.ask("GET", f"/anywhere/{number}")
    after = _measured(story)

    assert after[me] == before[me] + 3
    assert after[nowhere] == before[nowhere] + 6
    new = {name for name in after.keys() - before.keys() if name.startswith("nexus_http")}
    assert {name for name in new if "getMetrics" not in name and "'none'" not in name} == set()
    assert not [name for name in after if "nowhere" in name or "anywhere" in name]
    assert after["nexus_events_total []"] >= 5


def test_metrics_with_a_token_are_for_those_who_send_it(story: Story) -> None:
    keys = [None, "wrong", METRICS_TOKEN + "x", story.server.key]

    refused = [story.ask("GET", "/metrics", key) for key in keys]

    assert [answer.status_code for answer in refused] == [403] * 4
    assert {answer.json()["code"] for answer in refused} == {"metrics.not_allowed"}
    assert all("nexus_http" not in answer.text for answer in refused)


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("10.1.2.3", {}, 200),
        ("8.8.8.8", {}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 403),
        ("127.0.0.1", {"Forwarded": "for=10.0.0.1"}, 403),
        ("127.0.0.1", {"X-Real-IP": "10.0.0.1"}, 403),
    ],
)
async def test_metrics_without_a_token_are_for_addresses_that_nobody_hides(
    app: Nexus, address: str, headers: dict[str, str], status: int
) -> None:
    transport = httpx.ASGITransport(app=app, client=(address, 40_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://nexus.test") as http:
        answer = await http.get("/metrics", headers=headers)

    assert answer.status_code == status
    assert ("nexus_http_requests_total" in answer.text) is (status == 200)


def _attributes(span: Span) -> dict[str, str]:
    return {one.key: one.value.string_value for one in span.attributes}


def test_statements_stand_below_their_request_and_that_below_its_caller(story: Story) -> None:
    trace_id = bytes.fromhex(TRACE_ID)

    def of_trace() -> list[Span]:
        return [span for span in story.spans() if span.trace_id == trace_id]

    wait_until(lambda: any(span.kind == Span.SPAN_KIND_SERVER for span in of_trace()))

    (request,) = [span for span in of_trace() if span.kind == Span.SPAN_KIND_SERVER]
    below = [span for span in of_trace() if span.parent_span_id == request.span_id]
    texts = [_attributes(span)["db.query.text"] for span in below if span.name == "sql"]
    assert request.name == "POST createTask"
    assert request.parent_span_id == bytes.fromhex(CALLERS_SPAN)
    assert _attributes(request)["url.path"] == "/api/v1/tasks"
    assert len(texts) >= 2
    assert any("INSERT INTO tasks" in text for text in texts)
    assert not [text for text in texts if story.planted["title"] in text]


def test_a_job_has_a_span_and_its_statements_stand_below_it(story: Story) -> None:
    def jobs() -> list[Span]:
        return [span for span in story.spans() if span.name == "job webhooks.deliver_event"]

    wait_until(lambda: len(jobs()) > 0)

    job = jobs()[0]
    below = {span.name for span in story.spans() if span.trace_id == job.trace_id}
    assert _attributes(job)["nexus.job.id"].startswith("ws/")
    assert "sql" in below
    assert any(name.startswith("step ") for name in below)


def test_no_trace_holds_what_is_nobodys_business(story: Story) -> None:
    wait_until(lambda: len(story.spans()) > 20)

    told = str(story.spans())

    assert {name for name, secret in story.planted.items() if secret in told} == set()


def test_an_error_is_reported_without_secrets_variables_and_the_machines_name(
    story: Story,
) -> None:
    wait_until(lambda: len(story.reports()) >= 2)

    reports = story.reports()

    told = json.dumps(reports)
    assert {name for name, secret in story.planted.items() if secret in told} == set()
    assert "Traceback" in told or "stacktrace" in told
    assert '"vars"' not in told
    for one in reports:
        assert "server_name" not in one
        assert one["level"] == "error"
        normal = StoreNormalizer(project_id=7).normalize_event(one)
        assert normal.get("errors", []) == []


def test_the_doctor_ends_with_what_it_found(story: Story) -> None:
    machine = story.server.machine

    well = machine.nexus("doctor", "--json")

    assert well.stdout, well.stderr
    told = json.loads(well.stdout)

    assert (well.returncode, told["is_well"]) == (0, True)
    assert told["server"]["checks"] == {"database": "ok"}
    assert (told["server"]["warnings"], told["alerts"]) == ({}, [])
    assert "Nothing is wrong." in machine.nexus("doctor").stdout
