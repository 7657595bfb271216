"""Where in a file of Beads its issues stand, found in one pass over all of its lines: pure."""

import io
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from typing_extensions import Buffer

from nexus.features.imports.buffers import BufferStream
from nexus.features.imports.errors import FileNotUnderstood
from nexus.features.imports.shaping import Notes, id_text, moment_of, status_of

MAX_LINE = 16_000_000
MAX_NESTING = 100
BOM = b"\xef\xbb\xbf"
CONFLICT_MARKERS = (b"<<<<<<<", b"=======", b">>>>>>>", b"|||||||")

_CHILD = re.compile(r"(?:\.\d+)+$")
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_DECODER = msgspec.json.Decoder(dict[str, Any])


class BeadsIndex:
    """Raises FileNotUnderstood, with a sentence that names the line, for what is no such file.

    It keeps the ids and where lines begin, never what stands in them: `lines` holds where each
    issue does, in the order of the file. Of several with one id that is the newest, and the others
    are `doubles`.
    """

    def __init__(self, data: Buffer) -> None:
        self._data = memoryview(data)
        self._parts: dict[str, list[int]] = {}
        self.lines: dict[str, int] = {}
        self.finished: set[str] = set()
        self.deleted: set[str] = set()
        self.doubles: list[int] = []
        self.memories: list[int] = []
        start = 0
        for number, line in enumerate(lines_of(data), start=1):
            if text := tidied(line):
                self._take(start, number, object_of(text, number))
            start += len(line)
        if not self.lines:
            raise FileNotUnderstood(why="it holds no issue of Beads.")

    def is_live(self, own_id: str) -> bool:
        """Whether there is such an issue, and it was not deleted."""
        return own_id in self.lines and own_id not in self.deleted

    def original(self, start: int) -> str:
        """The line that begins there, as it stands in the file."""
        return self._text(start).decode()

    def values(self, start: int) -> dict[str, Any]:
        return _DECODER.decode(self._text(start))

    def issue(self, own_id: str) -> dict[str, Any]:
        """An issue with all that the tables of a backup hold of it in lines of their own."""
        values = self.values(self.lines[own_id])
        parts = [self.values(start) for start in self._parts.get(own_id, ())]
        for name, mark in (("dependencies", "depends_on_id"), ("comments", "text")):
            values[name] = [*listed(values.get(name)), *(part for part in parts if mark in part)]
        labels = [part["label"] for part in parts if "label" in part]
        return {**values, "labels": [*listed(values.get("labels")), *labels]}

    def prefix(self) -> str:
        """What most ids begin with: `bd` of `bd-a3f8.1`."""
        stems = (_CHILD.sub("", own_id).rpartition("-")[0] for own_id in self.lines)
        ((prefix, _),) = Counter(stem or "beads" for stem in stems).most_common(1)
        return prefix

    def _text(self, start: int) -> bytes:
        return tidied(io.BufferedReader(BufferStream(self._data[start:])).readline())

    def _take(self, start: int, number: int, values: dict[str, Any]) -> None:
        if values.get("_type") == "memory":
            self.memories.append(start)
        elif values.get("title") is not None:
            self._add_issue(start, id_text(values.get("id")) or f"?{number}", values)
        elif owner := id_text(values.get("issue_id")):
            if "event_type" not in values:
                self._parts.setdefault(owner, []).append(start)
        elif not is_setting(values):
            raise FileNotUnderstood(why=f"line {number} is no issue of Beads: it has no title.")

    def _add_issue(self, start: int, own_id: str, values: dict[str, Any]) -> None:
        earlier = self.lines.get(own_id)
        if earlier is not None:
            if _updated_at(self.values(earlier)) > _updated_at(values):
                self.doubles.append(start)
                return
            self.doubles.append(earlier)
            del self.lines[own_id]  # so that the ids stand in the order of their lines
        self.lines[own_id] = start
        is_deleted = values.get("status") == "tombstone"
        is_finished = status_of(values.get("status"), Notes())[0].is_finished
        _mark(self.deleted, own_id, is_in=is_deleted)
        _mark(self.finished, own_id, is_in=is_finished)


def lines_of(data: Buffer) -> Iterator[bytes]:
    """Raises FileNotUnderstood for a line that is too long to be an issue."""
    stream = io.BufferedReader(BufferStream(data))
    number = 0
    while line := stream.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            why = f"line {number} is longer than {MAX_LINE // 1_000_000} MB."
            raise FileNotUnderstood(why=why)
        yield line


def tidied(line: bytes) -> bytes:
    return line.removeprefix(BOM).strip()


def object_of(text: bytes, number: int) -> dict[str, Any]:
    """What stands in a line. Raises FileNotUnderstood, which names it by its number."""
    if text.startswith(CONFLICT_MARKERS):
        raise FileNotUnderstood(
            why=f"line {number} is a conflict marker of git. Resolve the conflict first."
        )
    try:
        values = _DECODER.decode(text)
    except RecursionError as error:
        raise FileNotUnderstood(why=f"line {number} is nested too deeply.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FileNotUnderstood(why=f"line {number} is not a JSON object ({error}).") from error
    if is_deeper(values, MAX_NESTING):
        raise FileNotUnderstood(why=f"line {number} is nested too deeply.")
    return values


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]


def fields_of(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def is_deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects lie within each other at more levels than these."""
    if not isinstance(value, list | dict):
        return False
    within: Any = value.values() if isinstance(value, dict) else value  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return levels == 0 or any(is_deeper(one, levels - 1) for one in within)


def is_setting(values: dict[str, Any]) -> bool:
    return "key" in values and "value" in values


def _updated_at(values: dict[str, Any]) -> datetime:
    return moment_of(values.get("updated_at")) or _LONG_AGO


def _mark(ids: set[str], own_id: str, *, is_in: bool) -> None:
    if is_in:
        ids.add(own_id)
    else:
        ids.discard(own_id)
