"""Task Master's complexity reports: pure. They add scores to tasks that are here already."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
from typing_extensions import Buffer

from nexus.features.imports.domain import ParsedList, ParsedTask
from nexus.features.imports.errors import FileNotUnderstood
from nexus.features.imports.shaping import Notes, clean, id_text, storable, text_of
from nexus.features.imports.taskmaster import DEFAULT_TAG
from nexus.features.tasks.domain import Priority, TaskStatus

_KEPT = {
    "recommendedSubtasks", "subtaskCount", "expansionPrompt", "reasoning",
    "complexityReasoning",
}  # fmt: skip


class _Report(msgspec.Struct):
    complexityAnalysis: list[msgspec.Raw]  # noqa: N815 - as it stands in the file


class ComplexityReport:
    """Raises FileNotUnderstood for what is none. Its list is the tag that the file name ends in."""

    format = "taskmaster-complexity"
    is_partial = True

    def __init__(self, data: Buffer, file_name: str) -> None:
        try:
            self._rows = msgspec.json.decode(data, type=_Report).complexityAnalysis
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise FileNotUnderstood(why=f"it is no complexity report ({error}).") from error
        self._tag = _tag_of(file_name)
        self.lists = [ParsedList(name=self._tag, is_default=self._tag == DEFAULT_TAG)]
        for _ in self.records():
            pass  # all of it must be sound before any of it is taken

    def records(self) -> Iterator[ParsedTask]:
        """Of two scores for one task the first counts."""
        seen: set[str] = set()
        for position, raw in enumerate(self._rows, start=1):
            try:
                row = msgspec.json.decode(raw, type=dict[str, Any])
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise FileNotUnderstood(why=f"row {position} cannot be read.") from error
            record = _record(self._tag, position, row, storable(bytes(raw).decode()))
            if record.id in seen:
                why = f"Task {record.id} is scored twice."
                record = replace(record, id=f"{record.id}#{position}", set_aside=why)
            seen.add(record.id)
            yield record


def is_complexity_report(data: Buffer) -> bool:
    try:
        msgspec.json.decode(data, type=_Report)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _tag_of(file_name: str) -> str:
    """`task-complexity-report_feature-x.json` is about the tag `feature-x`, without it master."""
    stem = file_name.rpartition("/")[2].removesuffix(".json")
    return stem.partition("_")[2] or DEFAULT_TAG


def _record(tag: str, position: int, row: dict[str, Any], original: str) -> ParsedTask:
    """Older reports say `id` and `complexity` where newer ones say `taskId`, `complexityScore`."""
    remark = Notes()
    score = _score(row.get("complexityScore", row.get("complexity")))
    if score is None:
        remark("no_score", "It has no complexity from 1 to 10.")
    return ParsedTask(
        list=tag,
        id=id_text(row.get("taskId", row.get("id"))) or f"?{position}",
        title=" ".join(text_of(row.get("taskTitle", row.get("title"))).split())[:500],
        status=TaskStatus.TODO,
        priority=Priority.NONE,
        complexity=score,
        custom=clean({name: value for name, value in row.items() if name in _KEPT}),
        notes=remark.all(),
        set_aside=None if score else "It has no score.",
        original=original,
    )


def _score(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    score = round(value)
    return score if 1 <= score <= 10 else None
