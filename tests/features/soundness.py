"""What every backlog promises of its records, whatever the file was like."""

import re
from collections.abc import Sequence

from nexus.features.imports.domain import Backlog, ParsedTask
from nexus.features.tasks.domain import TaskStatus


def sound(backlog: Backlog) -> Sequence[ParsedTask]:
    """The records, once all of them were found to keep the promises of `Backlog`."""
    records = list(backlog.records())
    live = {(one.list, one.id) for one in records if one.set_aside is None}
    seen: set[tuple[str, str]] = set()
    for record in records:
        assert (record.list, record.id) not in seen
        assert record.list in {one.name for one in backlog.lists}
        assert record.parent is None or (record.list, record.parent) in seen & live
        named = {*record.depends_on, *(link.to for link in record.links if link.to)}
        assert {(record.list, name) for name in named} <= live
        assert record.id not in named
        assert len(set(record.depends_on)) == len(record.depends_on)
        assert all(re.fullmatch("[a-z][a-z-]{1,49}", link.kind) for link in record.links)
        assert len({comment.id for comment in record.comments}) == len(record.comments)
        assert 0 < len(record.title) <= 500
        assert record.finished_at is None or record.status in {
            TaskStatus.DONE,
            TaskStatus.CANCELLED,
        }
        assert "\x00" not in repr((record.title, record.description, record.custom))
        seen.add((record.list, record.id))
    assert list(backlog.records()) == records
    return records
