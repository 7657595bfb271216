"""Tasks on the command line."""

from typing import Annotated, Any

import typer
from msgspec import UNSET

from nexus.platform.cli import (
    Cursor,
    Json,
    Limit,
    client,
    group,
    long_text,
    output,
    plain,
    print_json,
    print_more,
    print_table,
    since,
    word,
)
from nexus_client import models

Ref = Annotated[str, typer.Argument(metavar="TASK", help="The task's key (API-42) or id.")]
Project = Annotated[
    list[str] | None, typer.Option("--project", "-p", help="Of this project (repeatable).")
]

app = group("task", "Look at tasks and change them.")


@app.command("list")
def list_tasks(
    status: Annotated[
        list[str] | None, typer.Option("--status", "-s", help="In this status.")
    ] = None,
    project: Project = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", "-l", help="With this label.")
    ] = None,
    priority: Annotated[list[str] | None, typer.Option(help="Of this priority.")] = None,
    assignee: Annotated[str | None, typer.Option(help="An id, 'me' or 'none'.")] = None,
    parent: Annotated[str | None, typer.Option(help="Subtasks of this task, or 'none'.")] = None,
    repository: Annotated[str | None, typer.Option(help="About this repository (id).")] = None,
    ready: Annotated[bool, typer.Option("--ready", help="Only what you could begin now.")] = False,
    q: Annotated[str | None, typer.Option("--search", "-q", help="Words in the task.")] = None,
    archived: Annotated[bool, typer.Option("--archived", help="The archived ones.")] = False,
    sort: Annotated[
        str, typer.Option(help="newest oldest updated priority due rank key next")
    ] = "newest",
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """List tasks. All filters that are given must hold.

    \b
    Examples:
      nexus task list --project SHOP --status todo --status in_progress
      nexus task list --assignee me --sort due
      nexus task list --search "payment web" --json
    """
    page = client().list_tasks(
        status=status,
        project=project,
        label=label,
        priority=priority,
        assignee=assignee,
        parent=parent,
        repository=repository,
        ready=ready or None,
        q=q,
        archived=archived or None,
        sort=sort,
        limit=limit,
        cursor=cursor,
    )
    if as_json:
        print_json(page)
        return
    _print_tasks(page, empty="No task matches. 'nexus task create' makes one.")
    print_more(page.next_cursor)


def next_tasks(
    project: Project = None,
    limit: Limit = 5,
    as_json: Json = False,
) -> None:
    """Say what to do next: ready tasks, the most urgent and most unblocking first.

    A task is ready when it is 'todo', nobody else is assigned and all that it waits for is
    finished. This only looks; it takes nothing.

    \b
    Examples:
      nexus next
      nexus next --project SHOP --limit 1 --json
    """
    page = client().list_tasks(ready=True, sort="next", project=project, limit=limit)
    if as_json:
        print_json(page)
        return
    _print_tasks(
        page,
        empty="Nothing is ready. 'nexus task list --status todo' shows what waits, and for what.",
    )


@app.command("get")
def get_task(task: Ref, as_json: Json = False) -> None:
    """Show a task with all that belongs to it.

    \b
    Examples:
      nexus task get API-42
      nexus task get API-42 --json | jq .dependencies
    """
    found = client().get_task(task)
    print_json(found) if as_json else _print_task(found)


@app.command("create")
def create_task(
    title: Annotated[str, typer.Argument(help="What is to be done, in one line.")],
    project: Annotated[str, typer.Option("--project", "-p", help="The project's key.")],
    description: Annotated[
        str, typer.Option("--description", "-d", help="Markdown; '-' reads standard input.")
    ] = "",
    priority: Annotated[str, typer.Option(help="critical high medium low none")] = "none",
    status: Annotated[str, typer.Option("--status", "-s", help="The status to begin in.")] = "todo",
    label: Annotated[list[str] | None, typer.Option("--label", "-l", help="Repeatable.")] = None,
    parent: Annotated[str | None, typer.Option(help="The task that this one is part of.")] = None,
    depends_on: Annotated[
        list[str] | None, typer.Option("--depends-on", help="A task to wait for (repeatable).")
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", help="What must be true in the end (repeatable)."),
    ] = None,
    assignee: Annotated[list[str] | None, typer.Option(help="A member's id (repeatable).")] = None,
    due: Annotated[str | None, typer.Option(help="As 2026-12-31.")] = None,
    as_json: Json = False,
) -> None:
    """Create a task.

    \b
    Examples:
      nexus task create "Ship it" --project API --priority high
      nexus task create "Test it" -p API --depends-on API-1 --accept "All tests pass"
    """
    created = client().create_task(
        models.TaskIn(
            project=project.upper(),
            title=title,
            description=long_text(description),
            priority=priority,  # pyright: ignore[reportArgumentType] - the server says what is wrong
            status=status,  # pyright: ignore[reportArgumentType]
            labels=label or [],
            parent=parent,
            dependencies=depends_on or [],
            acceptance=accept or [],
            assignees=assignee or [],
            due_on=due,
        )
    )
    _done(created, as_json, f"Created {created.key}: {created.title}")


@app.command("update")
def update_task(
    task: Ref,
    title: Annotated[str | None, typer.Option(help="A new title.")] = None,
    description: Annotated[
        str | None, typer.Option("--description", "-d", help="Markdown; '-' reads standard input.")
    ] = None,
    priority: Annotated[str | None, typer.Option(help="critical high medium low none")] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", "-l", help="These labels instead of the old ones."),
    ] = None,
    parent: Annotated[str | None, typer.Option(help="The new parent, or 'none'.")] = None,
    assignee: Annotated[
        list[str] | None, typer.Option(help="These assignees (ids) instead, or 'none'.")
    ] = None,
    complexity: Annotated[int | None, typer.Option(min=1, max=10, help="1 to 10.")] = None,
    due: Annotated[str | None, typer.Option(help="As 2026-12-31, or 'none'.")] = None,
    archived: Annotated[
        bool | None, typer.Option("--archive/--unarchive", help="Into the archive, or out of it.")
    ] = None,
    version: Annotated[
        int | None, typer.Option(help="Only if the task is still at this version.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Change a task's fields; what is not named stays.

    \b
    Examples:
      nexus task update API-42 --title "A better title" --priority high
      nexus task update API-42 --label backend --label urgent --due 2026-12-31
      nexus task update API-42 --version 7 --parent API-40
    """
    patch = models.TaskPatch(
        title=_given(title),
        description=UNSET if description is None else long_text(description),
        priority=_given(priority),
        labels=_given(label),
        parent=_or_none(parent),
        assignees=UNSET if assignee is None else [one for one in assignee if one != "none"],
        complexity_manual=_given(complexity),
        due_on=_or_none(due),
        archived=_given(archived),
    )
    updated = client().update_task(task, patch, if_match=version)
    _done(updated, as_json, f"{updated.key} is at version {updated.version}.")


@app.command("status")
def set_task_status(
    task: Ref,
    status: Annotated[
        str,
        typer.Argument(help="backlog todo in_progress in_review deferred done cancelled"),
    ],
    version: Annotated[
        int | None, typer.Option(help="Only if the task is still at this version.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Set a task's status. Finishing a task lets go of all that waited for it.

    \b
    Examples:
      nexus task status API-42 in_progress
      nexus task status API-42 done
    """
    api = client()
    moved = api.set_task_status(task, models.StatusIn(status=status), if_match=version)  # pyright: ignore[reportArgumentType]
    if as_json:
        print_json(moved)
        return
    output().print(f"{moved.key} is {word(moved.status)}.")
    if moved.status in {"done", "cancelled"}:
        _print_freed(api.list_task_activity(moved.key, limit=1))


@app.command("comment")
def comment_task(
    task: Ref,
    body: Annotated[str, typer.Argument(help="Markdown; '-' reads standard input.")],
    as_json: Json = False,
) -> None:
    """Comment on a task; @handle mentions somebody.

    \b
    Examples:
      nexus task comment API-42 "Done on staging. @ada, please look."
      git log -1 | nexus task comment API-42 -
    """
    comment = client().comment_task(task, models.CommentIn(body=long_text(body)))
    print_json(comment) if as_json else output().print(f"Commented on {plain(task)}.")


@app.command("depend")
def depend_task(
    task: Ref,
    on: Annotated[str, typer.Argument(metavar="OTHER", help="The task to wait for.")],
    remove: Annotated[bool, typer.Option("--remove", help="No longer wait for it.")] = False,
    as_json: Json = False,
) -> None:
    """Let a task wait for another one, or (--remove) no longer.

    \b
    Examples:
      nexus task depend API-42 API-7
      nexus task depend API-42 API-7 --remove
    """
    api = client()
    if remove:
        changed = api.undepend_task(task, on)
        _done(changed, as_json, f"{changed.key} no longer waits for {on}.")
    else:
        changed = api.depend_task(task, models.DependencyIn(depends_on=on))
        _done(changed, as_json, f"{changed.key} waits for {on}.")


app.command("show", hidden=True)(get_task)
app.command("edit", hidden=True)(update_task)


def _print_tasks(page: models.TaskPage, *, empty: str) -> None:
    print_table(
        ["KEY", "TITLE", "STATUS", "PRIORITY", "UNLOCKS", "WAITS FOR", "LABELS", "ASSIGNEES"],
        [
            (
                task.key,
                plain(task.title),
                word(task.status),
                word(task.priority),
                str(task.unlock_count or ""),
                _waits_for(task),
                plain(", ".join(task.labels)),
                plain(", ".join(one.handle for one in task.assignees)),
            )
            for task in page.items
        ],
        empty=empty,
    )


def _waits_for(task: models.TaskSummaryOut) -> str:
    waiting = [one.key for one in task.dependencies if one.status not in {"done", "cancelled"}]
    if inherited := task.open_dependencies - len(waiting):
        waiting.append(f"{inherited} of its parent")
    if task.open_subtasks:
        waiting.append(f"{task.open_subtasks} subtask{'s' if task.open_subtasks > 1 else ''}")
    return ", ".join(waiting)


def _print_task(task: models.TaskOut) -> None:
    console = output()
    console.print(f"[bold]{task.key}  {plain(task.title)}[/bold]")
    facts = {
        "Status": word(task.status) + ("  (ready)" if task.is_ready else ""),
        "Priority": word(task.priority),
        "Complexity": str(task.complexity or ""),
        "Parent": f"{task.parent.key}  {plain(task.parent.title)}" if task.parent else "",
        "Labels": plain(", ".join(task.labels)),
        "Assignees": plain(", ".join(f"{one.name} (@{one.handle})" for one in task.assignees)),
        "Due": task.due_on or "",
        "Unlocks": f"{task.unlock_count} tasks" if task.unlock_count else "",
        "Version": f"{task.version}, changed {since(task.updated_at)}",
    }
    for name, value in facts.items():
        if value:
            console.print(f"{name + ':':<12} {value}")
    _print_briefs("Waits for", task.dependencies)
    if task.acceptance:
        console.print("\n[bold]Done when[/bold]")
        for item in task.acceptance:
            console.print(f"  {'✓' if item.is_met else '·'} {plain(item.text)}")
    for heading, text in (
        ("Description", task.description),
        ("Details", task.details),
        ("Test strategy", task.test_strategy),
    ):
        if text:
            console.print(f"\n[bold]{heading}[/bold]\n{plain(text)}")


def _print_briefs(heading: str, tasks: list[models.TaskBriefOut]) -> None:
    if tasks:
        output().print(f"\n[bold]{heading}[/bold]")
    for one in tasks:
        output().print(f"  {one.key}  {plain(one.title)}  ({word(one.status)})")


def _print_freed(activity: models.EventPage) -> None:
    payload = activity.items[0].payload if activity.items else {}
    freed: list[str] = payload.get("became_ready", [])
    if freed:
        output().print(f"Ready now: {', '.join(freed)}")


def _done(task: models.TaskOut, as_json: bool, sentence: str) -> None:
    print_json(task) if as_json else output().print(plain(sentence))


def _given(value: Any) -> Any:
    return UNSET if value is None else value


def _or_none(value: str | None) -> Any:
    return None if value == "none" else _given(value)
