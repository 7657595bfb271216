"""Other records in a JSON file without moving what stands around them: pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from nexus.features.imports.taskmaster import Tag

_COMMA = re.compile(rb"^\s*,")
_WITHIN = re.compile(rb"\{\r?\n([ \t]*)")


def list_span(text: bytes, root: Mapping[str, msgspec.Raw], tag: Tag) -> tuple[int, int]:
    """From where to where the array of a list stands. Raises ValueError where it is not found."""
    at = 0
    for place, raw in root.items():
        start = text.index(bytes(raw), at)
        at = start + len(raw)
        if place != tag.place:
            continue
        if tag.is_bare:
            return start, at
        for key, value in msgspec.json.decode(raw, type=dict[str, msgspec.Raw]).items():
            start = text.index(bytes(value), start)
            if key == "tasks":
                return start, start + len(value)
            start += len(value)
    raise ValueError(tag.name)


def spliced(
    array: bytes, old: Sequence[msgspec.Raw], kept: Sequence[Any], added: Sequence[Any]
) -> bytes:
    """An array with each old record as it is by now, None for one that goes, and the new ones.

    Records are laid out as the first one is. Raises ValueError where an old one is not found.
    """
    gaps: list[bytes] = []
    at = 1
    for raw in old:
        start = array.index(bytes(raw), at)
        gaps.append(_COMMA.sub(b"", array[at:start]))
        at = start + len(raw)
    first = gaps[0] if gaps else b""
    further = gaps[1] if len(gaps) > 1 else first
    lines = [
        (gap, _laid_out(one, first, old[0]))
        for gap, one in zip(gaps, kept, strict=True)
        if one is not None
    ]
    lines += [(further, _laid_out(one, first, old[0] if old else None)) for one in added]
    parts = [first + text if n == 0 else b"," + gap + text for n, (gap, text) in enumerate(lines)]
    return b"[" + b"".join(parts) + array[at:]


def _laid_out(record: Any, gap: bytes, pattern: msgspec.Raw | None) -> bytes:
    """A record as it stands in the file, or written as the pattern is."""
    if isinstance(record, msgspec.Raw):
        return bytes(record)
    text = msgspec.json.encode(record)
    within = _WITHIN.match(bytes(pattern)) if pattern is not None else None
    if within is None:
        return text
    column = gap.rpartition(b"\n")[2]
    unit = within[1].removeprefix(column) or b"  "
    first, *rest = msgspec.json.format(text, indent=1).split(b"\n")
    lines = [column + unit * (len(one) - len(one.lstrip(b" "))) + one.lstrip(b" ") for one in rest]
    return b"\n".join([first, *lines])
