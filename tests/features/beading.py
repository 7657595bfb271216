"""Issues of Beads, and what is read from them."""

import json
from typing import Any

from nexus.features.imports.beads import BeadsFile
from nexus.features.imports.domain import ParsedTask


def an_issue(own_id: Any = "bd-1", **fields: Any) -> dict[str, Any]:
    return {"id": own_id, "title": f"Issue {own_id}", "status": "open", "priority": 2, **fields}


def a_dependency(on: Any, kind: str = "blocks") -> dict[str, Any]:
    return {"issue_id": "bd-1", "depends_on_id": on, "type": kind}


def a_file(*issues: dict[str, Any]) -> bytes:
    return "".join(json.dumps(issue) + "\n" for issue in issues).encode()


def all_of(*issues: dict[str, Any]) -> dict[str, ParsedTask]:
    return {record.id: record for record in BeadsFile(a_file(*issues)).records()}


def first_of(*issues: dict[str, Any]) -> ParsedTask:
    return all_of(*issues)[issues[0]["id"]]


def codes(record: ParsedTask) -> list[str]:
    return [note.code for note in record.notes]
