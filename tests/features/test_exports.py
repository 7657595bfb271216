"""Exports: what came in and was not touched goes out as it was; what changed is changed there."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from nexus.platform.database import Database
from tests.cast import Cast, Person
from tests.features.importing import a_sample, bring_in

CSV = b'Issue key,Summary,Status,Team\r\nAB-1,Write,To Do,Red\r\nAB-2,"Read, then",Done,\r\n'


async def exported(person: Person, format_: str, **params: Any) -> bytes:
    answer = await person.call("GET", "/export", params={"format": format_, **params})
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.mark.parametrize(
    ("name", "format_"),
    [
        ("taskmaster-tagged.json", "taskmaster"),
        ("taskmaster-legacy.json", "taskmaster"),
        ("beads-issues.jsonl", "beads"),
    ],
)
async def test_a_file_that_nobody_touched_comes_back_byte_for_byte(
    cast: Cast, database: Database, root: Path, name: str, format_: str
) -> None:
    content = a_sample(root, name)
    done = await bring_in(cast.ada, database, content, file_name=name)

    out = await exported(cast.ada, format_)

    assert done["state"] == "done"
    assert out == content
