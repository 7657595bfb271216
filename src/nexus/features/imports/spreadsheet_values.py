"""What the cells of a spreadsheet say, in the words of a mapping or in common ones: pure."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from nexus.features.imports.domain import ParsedLink
from nexus.features.imports.shaping import BLOCKED, Remark, complexity_of, moment_of, status_of
from nexus.features.imports.spreadsheet_mapping import CsvMapping
from nexus.features.tasks.domain import Priority, TaskStatus
from nexus.platform.instants import in_utc

_STATUSES = {
    "to-do": TaskStatus.TODO,
    "new": TaskStatus.TODO,
    "resolved": TaskStatus.DONE,
    "triage": TaskStatus.BACKLOG,
    "won't-do": TaskStatus.CANCELLED,
    "won't-fix": TaskStatus.CANCELLED,
}
"""Words beyond those that all formats share."""

_PRIORITIES = {
    "highest": Priority.CRITICAL,
    "urgent": Priority.CRITICAL,
    "blocker": Priority.CRITICAL,
    "major": Priority.HIGH,
    "normal": Priority.MEDIUM,
    "minor": Priority.LOW,
    "lowest": Priority.LOW,
    "trivial": Priority.LOW,
    "no-priority": Priority.NONE,
    **{priority.word: priority for priority in Priority},
    **{f"p{priority.value}": priority for priority in Priority},
}
_SEPARATORS = r"[,;\n]"
_URL = re.compile(r"https?://[^\s\x00-\x1f]{1,1900}", re.IGNORECASE)


class Values:
    """An empty cell says nothing and needs no note; what is not understood is noted."""

    def __init__(self, mapping: CsvMapping) -> None:
        self._date_format = mapping.date_format
        separator = re.escape(mapping.separator) if mapping.separator else _SEPARATORS
        self._part = re.compile(rf'(?:"(?:[^"]|"")*"|(?!{separator}).)+', re.DOTALL)
        self._statuses = {**_STATUSES, **{_plain(k): v for k, v in mapping.statuses.items()}}
        self._priorities = {
            **_PRIORITIES,
            **{_plain(word): Priority[name.upper()] for word, name in mapping.priorities.items()},
        }

    def status(self, cell: str, remark: Remark) -> TaskStatus:
        if not cell.strip():
            return TaskStatus.TODO
        known = self._statuses.get(_plain(cell))
        return known or status_of(" ".join(cell.split())[:100], remark)[0]

    def is_blocked(self, cell: str) -> bool:
        return _plain(cell) == BLOCKED and BLOCKED not in self._statuses

    def priority(self, cell: str, remark: Remark) -> Priority:
        known = self._priorities.get(_plain(cell))
        if known is None and cell.strip():
            remark("unknown_priority", f"Its priority {cell[:100]!r} is not known; it has none.")
        return Priority.NONE if known is None else known

    def moment(self, cell: str, name: str, remark: Remark) -> datetime | None:
        text = cell.strip()
        found = self._by_format(text) or moment_of(text)
        if text and found is None:
            message = f"Its {name} {text[:100]!r} is not understood; a mapping can name the form."
            remark("unknown_date", message)
        return found

    def parted(self, cells: Iterable[str]) -> list[str]:
        """All values of all cells. One that holds a separator stands in quotes."""
        parts = [_unquoted(part.strip()) for cell in cells for part in self._part.findall(cell)]
        return [part for part in parts if part]

    def _by_format(self, text: str) -> datetime | None:
        if self._date_format is None:
            return None
        try:
            moment = datetime.strptime(text, self._date_format)  # noqa: DTZ007
            return in_utc(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        except ValueError:
            return None


def complexity_in(cell: str, remark: Remark) -> int | None:
    text = cell.strip()
    is_short_number = text.isascii() and text.isdigit() and len(text) < 4
    found = complexity_of(int(text) if is_short_number else text)
    if text and found is None:
        remark("unknown_complexity", f"Its complexity {text[:100]!r} is no number from 1 to 10.")
    return found


def links_in(cells: Iterable[str], remark: Remark) -> tuple[ParsedLink, ...]:
    found: dict[ParsedLink, None] = {}
    for url in (cell.strip() for cell in cells):
        if _URL.fullmatch(url):
            found[ParsedLink(kind="external", url=url)] = None
        elif url:
            remark("unknown_url", f"Its address {url[:100]!r} is none of the web.")
    return tuple(found)


def _plain(word: str) -> str:
    """Without case, and with hyphens between its parts: `won't-do`."""
    return "-".join(word.casefold().replace("’", "'").replace("_", " ").split())  # noqa: RUF001


def _unquoted(part: str) -> str:
    is_quoted = len(part) > 1 and part.startswith('"') and part.endswith('"')
    return part[1:-1].replace('""', '"').strip() if is_quoted else part
