"""What is said about tasks, and what happened to them, on the command line."""

from typing import Annotated

import typer

from nexus.platform.cli import (
    Csv,
    Cursor,
    Json,
    Limit,
    client,
    complete_tasks,
    edited,
    fail,
    long_text,
    output,
    plain,
    print_json,
    print_more,
    print_table,
    since,
)
from nexus_client import models

Ref = Annotated[
    str,
    typer.Argument(
        metavar="TASK", help="The task's key (API-42) or id.", autocompletion=complete_tasks
    ),
]

app = typer.Typer(rich_markup_mode=None)


@app.command("comment")
def comment_task(
    task: Ref,
    body: Annotated[
        str | None, typer.Argument(help="Markdown; '-' reads standard input, else $EDITOR opens.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Comment on a task; @handle mentions somebody.

    \b
    Examples:
      nexus task comment API-42 "Done on staging. @ada, please look."
      git log -1 | nexus task comment API-42 -
      nexus task comment API-42
    """
    text = edited("") if body is None else long_text(body)
    if not text:
        fail("Nothing was said: the comment is empty.", 6)
    comment = client().comment_task(task, models.CommentIn(body=text))
    print_json(comment) if as_json else output().print(f"Commented on {plain(task)}.")


@app.command("comments")
def list_task_comments(
    task: Ref, limit: Limit = 50, cursor: Cursor = None, as_csv: Csv = False, as_json: Json = False
) -> None:
    """List the comments of a task, the oldest first.

    \b
    Examples:
      nexus task comments API-42
    """
    page = client().list_task_comments(task, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(
        ["ID", "BY", "WHEN", "TITLE"],
        [
            (
                one.id,
                plain(one.author.handle),
                since(one.created_at),
                plain(one.body or "(removed)"),
            )
            for one in page.items
        ],
        empty="Nobody has said anything yet.",
        as_csv=as_csv,
    )
    print_more(page.next_cursor)


@app.command("edit-comment")
def update_comment(
    task: Ref,
    comment: Annotated[str, typer.Argument(help="The comment's id.")],
    body: Annotated[str, typer.Argument(help="Markdown; '-' reads standard input.")],
    as_json: Json = False,
) -> None:
    """Edit a comment of yours.

    \b
    Examples:
      nexus task edit-comment API-42 0199e7a0-... "Done on production."
    """
    changed = client().update_comment(task, comment, models.CommentIn(body=long_text(body)))
    print_json(changed) if as_json else output().print("The comment is changed.")


@app.command("remove-comment")
def remove_comment(
    task: Ref,
    comment: Annotated[str, typer.Argument(help="The comment's id.")],
    as_json: Json = False,
) -> None:
    """Blank a comment of yours; an admin may blank anybody's.

    \b
    Examples:
      nexus task remove-comment API-42 0199e7a0-...
    """
    client().remove_comment(task, comment)
    print_json(None) if as_json else output().print("The comment is blank.")


@app.command("activity")
def list_task_activity(
    task: Ref, limit: Limit = 20, cursor: Cursor = None, as_csv: Csv = False, as_json: Json = False
) -> None:
    """List what happened to a task, the newest first.

    \b
    Examples:
      nexus task activity API-42
    """
    page = client().list_task_activity(task, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(
        ["WHEN", "WHAT", "BY"],
        [
            (since(one.recorded_at), one.name, plain(one.actor.name if one.actor else ""))
            for one in page.items
        ],
        empty="Nothing happened to it yet.",
        as_csv=as_csv,
    )
    print_more(page.next_cursor)
