"""The finished line of a log: what looks like a secret is blotted out, and the rest stays."""

import json
import subprocess
import sys

import pytest

from nexus.platform.logging import cleaned, without_secrets
from nexus.platform.reporting import scrubbed

SECRETS = {
    "a key": ("it was nxs_abcdefghij_LongEnoughToBeOne1 then", "LongEnoughToBeOne1"),
    "a bearer": ("Authorization: Bearer abc.def-ghi_jkl", "abc.def"),
    "a webhook's": ("whsec_C2FtcGxlLXNlY3JldA==", "C2Ft"),
    "a database's": ("postgresql://nexus:s3cr3t%40pw@db/nexus", "s3cr3t"),
    "a Redis's": ("redis://:s3cr3tpw@cache:6379/0", "s3cr3t"),
    "a field": ("{'password': 'hunter2secret'}", "hunter2"),
    "a query": ("/x?token=abcdef123456&limit=1", "abcdef123456"),
    "an argon2": ("$argon2id$v=19$m=65536$c29tZXNhbHQ$aGFzaA", "c29tZXNhbHQ"),
    "a person's": ("for eve.person+x@mail.example.org here", "eve.person"),
}
LOG_ONE = """
import sys
from nexus.platform.logging import configure, logger
configure("info", "json")
log = logger("nexus.trial")
try:
    raise ValueError("password=hunter2secret of eve@mail.example.org")
except ValueError:
    log.exception("trial.failed", path="/here", job_id="ws/1/trial:one", url="redis://:pw12@h/0")
"""


@pytest.mark.parametrize("name", SECRETS)
def test_what_looks_like_a_secret_is_blotted_out(name: str) -> None:
    text, secret = SECRETS[name]

    said = cleaned({"message": text})["message"]

    assert secret not in said
    assert "[...]" in said


@pytest.mark.parametrize(
    "text",
    [
        "The token is gone, the password too.",
        "http://127.0.0.1:8700/api/v1/tasks?limit=50",
        "postgresql://127.0.0.1:5432/nexus",
        "01a1fe42-5389-768e-a09b-264e9bd8ee4b",
    ],
)
def test_what_only_speaks_of_secrets_stays(text: str) -> None:
    line = without_secrets(text)

    assert line == text


def test_a_report_loses_secrets_and_the_machines_name() -> None:
    event = {"server_name": "planted-host", "extra": {"url": SECRETS["a database's"][0]}, "n": 1}

    clean = scrubbed(event)

    assert clean == {"extra": {"url": "postgresql://nexus:[...]@db/nexus"}, "n": 1}


def test_a_traceback_is_one_line_of_json_without_secrets() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOG_ONE], capture_output=True, text=True, check=True, timeout=60
    )

    (text,) = done.stderr.splitlines()

    line = json.loads(text)
    assert (line["log.level"], line["message"]) == ("error", "trial.failed")
    assert {"@timestamp", "ecs.version"} <= line.keys()
    assert line["nexus"]["job"]["id"] == "ws/1/trial:one"
    assert line["url"]["path"] == "/here"
    assert "ValueError" in line["error"]["stack_trace"]
    assert not [one for one in ("hunter2", "eve@", "pw12") if one in text]
    assert done.stdout == ""


@pytest.mark.parametrize(
    "text",
    [
        '{"password": "hunter2secret"}',
        "authorization: Basic hunter2secret",
        '{"password": "two hunter2secret"}',
        "nexus_session=hunter2secret",
    ],
)
def test_secrets_in_other_forms_are_blotted_out_too(text: str) -> None:
    line = str(cleaned({"message": text}))

    assert "hunter2secret" not in line
