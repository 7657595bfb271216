"""What an issue of Beads is part of, waits for and relates to: pure."""

import re
from dataclasses import dataclass
from typing import Any

from nexus.features.imports.beads_index import BeadsIndex, fields_of, listed
from nexus.features.imports.domain import ParsedLink
from nexus.features.imports.shaping import Remark, id_text, text_of


@dataclass(frozen=True, kw_only=True)
class Relations:
    parent: str | None
    depends_on: tuple[str, ...]
    links: tuple[ParsedLink, ...]


def relations_of(
    own_id: str, values: dict[str, Any], index: BeadsIndex, remark: Remark
) -> Relations:
    """Each of them once. What leads to no issue of the file is left out and noted."""
    parents: dict[str, None] = {}
    depends_on: dict[str, None] = {}
    links: dict[ParsedLink, None] = {}
    has_stated_parent = False
    for entry in listed(values.get("dependencies")):
        kind, wanted = _read(entry)
        has_stated_parent |= kind == "parent-child"
        target = _target(wanted, own_id, index, remark)
        if target is None:
            continue
        match kind:
            case "parent-child":
                parents[target] = None
            case "blocks":
                depends_on[target] = None
            case "conditional-blocks" | "waits-for":
                depends_on[target] = None
                message = f"It had to wait for {target} under a condition; now it always does."
                remark("dependency_simplified", message)
            case _:
                links[ParsedLink(kind=_link_kind(kind), to=target)] = None
    if not has_stated_parent and (parent := _unstated_parent(own_id, values, index, remark)):
        parents[parent] = None
    for further in list(parents)[1:]:
        links[ParsedLink(kind="part-of", to=further)] = None
        remark("second_parent", f"It is part of {further} too, which is a link now.")
    return Relations(
        parent=next(iter(parents), None), depends_on=tuple(depends_on), links=tuple(links)
    )


def _read(entry: Any) -> tuple[str, Any]:
    """The kind of a dependency and what it leads to."""
    if not isinstance(entry, dict):
        return "blocks", entry
    fields = fields_of(entry)
    return text_of(fields.get("type") or "blocks").strip().lower(), fields.get("depends_on_id")


def _target(wanted: Any, own_id: str, index: BeadsIndex, remark: Remark) -> str | None:
    target = id_text(wanted)
    if target is None:
        remark("dangling_dependency", f"Its dependency {text_of(wanted)[:100]!r} is no id.")
    elif target == own_id:
        remark("self_dependency", "It depends on itself; this was left out.")
    elif target in index.deleted:
        remark("dangling_dependency", f"Its dependency {target} was deleted in Beads.")
    elif target not in index.lines:
        remark("dangling_dependency", f"Its dependency {target} is not in the file.")
    else:
        return target
    return None


def _unstated_parent(
    own_id: str, values: dict[str, Any], index: BeadsIndex, remark: Remark
) -> str | None:
    """The parent that the issue names itself, or else the one that its id begins with."""
    if values.get("parent"):
        return _target(values["parent"], own_id, index, remark)
    prefix = own_id.rpartition(".")[0]
    return prefix if index.is_live(prefix) else None


def _link_kind(kind: str) -> str:
    """In the letters that a link takes; what both sides call related is one kind here."""
    name = re.sub(r"[^a-z]+", "-", kind).strip("-")[:50]
    return "related" if name == "relates-to" or len(name) < 2 else name
