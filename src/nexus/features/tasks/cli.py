"""Tasks on the command line."""

from typing import Annotated, Any

import msgspec
import typer
from msgspec import UNSET

from nexus.features.tasks.printing import done, print_task, print_tasks
from nexus.platform.cli import (
    Archived,
    Assignee,
    CreatedBy,
    Csv,
    Cursor,
    DueFrom,
    DueUntil,
    Json,
    Label,
    Limit,
    Parent,
    Priority,
    Repository,
    Search,
    Sort,
    Status,
    UpdatedSince,
    Waiting,
    client,
    complete_projects,
    complete_tasks,
    edited,
    fail,
    given_filters,
    group,
    long_text,
    named_tasks,
    output,
    plain,
    print_json,
    print_more,
    word,
)
from nexus.platform.finding import find_view
from nexus_client import models

Ref = Annotated[
    str,
    typer.Argument(
        metavar="TASK", help="The task's key (API-42) or id.", autocompletion=complete_tasks
    ),
]
Project = Annotated[
    list[str] | None,
    typer.Option(
        "--project", "-p", help="Of this project (repeatable).", autocompletion=complete_projects
    ),
]
STATUSES = ("backlog", "todo", "in_progress", "in_review", "deferred", "done", "cancelled")

Custom = Annotated[
    list[str] | None, typer.Option("--set", help="A custom field, as severity=high (repeatable).")
]

app = group("task", "Look at tasks and change them.")


@app.command("list")
def list_tasks(
    status: Status = None,
    project: Project = None,
    label: Label = None,
    priority: Priority = None,
    assignee: Assignee = None,
    created_by: CreatedBy = None,
    parent: Parent = None,
    repository: Repository = None,
    field: Annotated[
        list[str] | None, typer.Option(help="Such as severity=high or 'points>=3' (repeatable).")
    ] = None,
    ready: Annotated[
        bool | None, typer.Option("--ready", help="Only what you could begin now.")
    ] = None,
    waiting: Waiting = None,
    due_from: DueFrom = None,
    due_until: DueUntil = None,
    updated_since: UpdatedSince = None,
    q: Search = None,
    archived: Archived = None,
    view: Annotated[str | None, typer.Option(help="A saved view, by name or id.")] = None,
    sort: Sort = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List tasks. All filters that are given must hold.

    \b
    Examples:
      nexus task list --project SHOP --status todo --status in_progress
      nexus task list --assignee me --sort due
      nexus task list --search "payment web" --sort relevance
      nexus task list --view "My bugs" --field 'points>=3' --csv
    """
    given = given_filters(locals())
    api = client()
    saved = find_view(api, view).query if view else {}
    page = api.list_tasks(**saved | given, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_tasks(page, empty="No task matches. 'nexus task create' makes one.", as_csv=as_csv)
    print_more(page.next_cursor)


def next_tasks(
    project: Project = None,
    limit: Limit = 5,
    explain: Annotated[
        bool, typer.Option("--explain", "-e", help="Say why they stand in this order.")
    ] = False,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """Say what to do next: ready tasks, the most urgent and most unblocking first.

    A task is ready when it is 'todo', nobody else is assigned and all that it waits for is
    finished. This only looks; it takes nothing.

    \b
    Examples:
      nexus next
      nexus next --explain
      nexus next --project SHOP --limit 1 --json
      nexus next --json | nexus task status in_progress -
    """
    page = client().list_tasks(
        ready=True, sort="next", project=project, limit=limit, explain=explain or None
    )
    if as_json:
        print_json(page)
        return
    print_tasks(
        page,
        empty="Nothing is ready. 'nexus task list --status todo' shows what waits, and for what.",
        as_csv=as_csv,
    )
    for task in page.items:
        if task.explanation and not as_csv:
            output().print(f"{task.key}: {plain(task.explanation.reason)}")


@app.command("get")
def get_task(task: Ref, as_json: Json = False) -> None:
    """Show a task with all that belongs to it.

    \b
    Examples:
      nexus task get API-42
      nexus task get API-42 --json | jq .dependencies
    """
    found = client().get_task(task)
    print_json(found) if as_json else print_task(found)


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
    custom: Custom = None,
    edit: Annotated[
        bool, typer.Option("--edit", "-e", help="Write the description in $EDITOR.")
    ] = False,
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
            description=(edited(description) or "") if edit else long_text(description),
            priority=priority,  # pyright: ignore[reportArgumentType] - the server says what is wrong
            status=status,  # pyright: ignore[reportArgumentType]
            labels=label or [],
            parent=parent,
            dependencies=depends_on or [],
            acceptance=accept or [],
            assignees=assignee or [],
            due_on=due,
            custom=_custom(custom),
        )
    )
    done(created, as_json, f"Created {created.key}: {created.title}")


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
    custom: Custom = None,
    edit: Annotated[
        bool, typer.Option("--edit", "-e", help="Change the description in $EDITOR.")
    ] = False,
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
      nexus task update API-42 --set severity=high --set points=3
      nexus task edit API-42 --edit
    """
    api = client()
    old = api.get_task(task) if edit or custom else None
    if old and edit:
        description = edited(old.description)
        version = version or old.version
    patch = models.TaskPatch(
        title=given_or_unset(title),
        description=UNSET
        if description is None
        else description
        if edit
        else long_text(description),
        priority=given_or_unset(priority),
        labels=given_or_unset(label),
        parent=_or_none(parent),
        assignees=UNSET if assignee is None else [one for one in assignee if one != "none"],
        complexity_manual=given_or_unset(complexity),
        due_on=_or_none(due),
        archived=given_or_unset(archived),
        custom={**old.custom, **_custom(custom)} if old and custom else UNSET,
    )
    updated = api.update_task(task, patch, if_match=version)
    done(updated, as_json, f"{updated.key} is at version {updated.version}.")


@app.command("status")
def set_task_status(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="TASK... STATUS",
            help=f"The tasks ('-' reads them from standard input) and one of: {' '.join(STATUSES)}",
            autocompletion=complete_tasks,
        ),
    ],
    version: Annotated[
        int | None, typer.Option(help="Only if the task is still at this version.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Set the status of tasks. Finishing a task lets go of all that waited for it.

    \b
    Examples:
      nexus task status API-42 in_progress
      nexus task status API-42 API-43 done
      nexus next --json | jq -r '.items[0].key' | nexus task status done -
    """
    status, names = _status_and_tasks(arguments)
    tasks = named_tasks(names)
    if version is not None and len(tasks) > 1:
        fail("--version is for one task.", 2)
    api = client()
    for task in tasks:
        moved = api.set_task_status(task, models.StatusIn(status=status), if_match=version)  # pyright: ignore[reportArgumentType]
        if as_json:
            print_json(moved)
            continue
        output().print(f"{moved.key} is {word(moved.status)}.")
        if moved.status in {"done", "cancelled"}:
            _print_freed(api.list_task_activity(moved.key, limit=1))


app.command("show", hidden=True)(get_task)
app.command("edit", hidden=True)(update_task)


def _status_and_tasks(arguments: list[str]) -> tuple[str, list[str]]:
    """The status stands last, or first."""
    *names, last = arguments
    if last in STATUSES or not names or names[0] not in STATUSES:
        return last, names
    return names[0], [*names[1:], last]


def _custom(pairs: list[str] | None) -> dict[str, Any]:
    """`points=3` is a number, `severity=high` a text, `team=null` takes the value away."""
    values: dict[str, Any] = {}
    for pair in pairs or []:
        name, is_given, value = pair.partition("=")
        if not is_given:
            fail(f"'{pair}' sets nothing: write --set {name}=VALUE.", 2)
        try:
            values[name] = msgspec.json.decode(value)
        except msgspec.DecodeError:
            values[name] = value
    return values


def _print_freed(activity: models.EventPage) -> None:
    payload = activity.items[0].payload if activity.items else {}
    freed: list[str] = payload.get("became_ready", [])
    if freed:
        output().print(f"Ready now: {', '.join(freed)}")


def given_or_unset(value: Any) -> Any:
    return UNSET if value is None else value


def _or_none(value: str | None) -> Any:
    return None if value == "none" else given_or_unset(value)
