"""What a search looks into, and how the two databases are asked.

One row a task holds its words; every token stands behind a mark of its workspace, so that a search
never walks through the words of other tenants. SQLite searches an FTS5 index over the row,
PostgreSQL a tsvector in it. Neither ever sees raw text, about which they would disagree.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Text,
    bindparam,
    case,
    func,
    insert,
    literal,
    select,
    text,
    type_coerce,
    update,
)
from sqlalchemy.dialects.postgresql import TSVECTOR

from nexus.features.tasks.domain import Task, TaskId
from nexus.features.tasks.tables import TaskRow, TaskTextRow
from nexus.platform.database import Transaction
from nexus.platform.prepared import Template
from nexus.platform.tokens import tokenise

MAX_WORD_BYTES, MAX_COMMENT_WORDS = 600_000, 100_000
"""Of words kept: bytes of a task's own, characters of its comments'; a tsvector takes 1 MB."""

MAX_COMMENT_TEXT = 100_000
_SEPARATOR = "\n\n"


class SearchIndex:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def add(self, tasks: Sequence[Task]) -> None:
        await self._tx.execute(
            insert(TaskTextRow).inline(),  # nobody needs the numbers back
            [
                {
                    "workspace_id": task.workspace_id,
                    "task_id": task.id,
                    **_own_words(task),
                    "comment_words": "",
                    "comment_text": "",
                }
                for task in tasks
            ],
        )

    async def save(self, tasks: Sequence[Task]) -> None:
        """Bring the words of tasks in line with their key and texts."""
        table: Any = TaskTextRow.__table__
        await self._tx.execute(
            update(table)
            .where(
                table.c.workspace_id == self._tx.workspace_id, table.c.task_id == bindparam("of")
            )
            .values(title_words=bindparam("title"), body_words=bindparam("body")),
            [
                {"of": task.id, "title": words["title_words"], "body": words["body_words"]}
                for task, words in ((task, _own_words(task)) for task in tasks)
            ],
        )

    async def comment_added(self, task_id: TaskId, body: str) -> None:
        """Only adds to what is there: a task with many comments costs no more than one."""
        columns = TaskTextRow.__table__.c
        words = _words(self._tx.workspace_id, body)
        added = columns.comment_words + f" {words}"
        spoken = columns.comment_text + f"{_SEPARATOR}{body}"
        await self._update(
            task_id,
            {
                "comment_words": func.substr(added, 1, MAX_COMMENT_WORDS),
                "comment_text": func.substr(spoken, 1, MAX_COMMENT_TEXT),
            },
        )

    async def comments_changed(self, task_id: TaskId, bodies: Iterable[str]) -> None:
        """All comments of a task anew, after one was edited or removed."""
        spoken = _SEPARATOR.join(bodies)
        await self._update(
            task_id,
            {
                "comment_words": _words(self._tx.workspace_id, spoken)[:MAX_COMMENT_WORDS],
                "comment_text": spoken[:MAX_COMMENT_TEXT],
            },
        )

    async def _update(self, task_id: TaskId, values: dict[str, Any]) -> None:
        await self._tx.execute(
            update(TaskTextRow)
            .where(
                TaskTextRow.workspace_id == self._tx.workspace_id,
                TaskTextRow.task_id == task_id,
            )
            .values(values)
        )


def matching(of: Template) -> Any:
    """True of the tasks that the value `search_query` finds."""
    if of.dialect == "postgresql":
        tsvector = type_coerce(text("task_texts.words"), TSVECTOR)
        asked = text("CAST(:search_query AS tsquery)")
        return TaskRow.id.in_(
            select(TaskTextRow.task_id).where(
                TaskTextRow.workspace_id == of.workspace_id, tsvector.bool_op("@@")(asked)
            )
        )
    # CROSS JOIN, which SQLite does not turn round: it would ask the index once for every task.
    rows = text(
        "SELECT t.task_id FROM task_words w CROSS JOIN task_texts t ON t.number = w.rowid"
        " WHERE w.task_words MATCH :search_query AND t.workspace_id = :workspace_id"
    )
    ids = rows.columns(task_id=TaskTextRow.task_id.type).subquery()
    return TaskRow.id.in_(select(ids.c.task_id))


def search_query(words: Collection[str], tx: Transaction) -> str:
    """For tasks in which each of the words begins a word."""
    marked = [f"{_mark(tx.workspace_id)}{word}" for word in dict.fromkeys(words)]
    if tx.dialect == "postgresql":
        return " & ".join(f"{word}:*" for word in marked)
    return " ".join(f'"{word}"*' for word in marked)


def relevance(count: int, of: Template) -> Any:
    """A number that is higher the better title and key fit: whole words before beginnings.

    Counted in SQL that both databases read alike; their own rankings differ. The query must join
    TaskTextRow.
    """
    titles = literal(" ") + TaskTextRow.title_words + literal(" ")
    scores = [
        case(
            (titles.like(of.given(f"word_{number}", Text())), 2),
            (titles.like(of.given(f"beginning_{number}", Text())), 1),
            else_=0,
        )
        for number in range(count)
    ]
    is_key = case((TaskRow.key == of.given("asked_key", Text()), 100), else_=0)
    return sum(scores, is_key)


def relevance_values(words: Collection[str], tx: Transaction) -> dict[str, str]:
    """What `relevance` compares with; tokens have nothing in them that LIKE would read."""
    mark = _mark(tx.workspace_id)
    values = {"asked_key": "-".join(words).upper()}
    for number, word in enumerate(dict.fromkeys(words)):
        values[f"word_{number}"] = f"% {mark}{word} %"
        values[f"beginning_{number}"] = f"% {mark}{word}%"
    return values


def _own_words(task: Task) -> dict[str, str]:
    return {
        "title_words": _words(task.workspace_id, f"{task.key} {task.title}"),
        "body_words": _words(
            task.workspace_id, f"{task.description} {task.details} {task.test_strategy}"
        ),
    }


def _words(workspace_id: UUID, prose: str) -> str:
    mark = _mark(workspace_id)
    words = " ".join(f"{mark}{word}" for word in dict.fromkeys(tokenise(prose)))
    return words.encode()[:MAX_WORD_BYTES].decode(errors="ignore")


def _mark(workspace_id: UUID) -> str:
    """Six random digits of the id. Two workspaces may share them: rows say whose they are."""
    return workspace_id.hex[-6:]
