"""What hangs on tasks, on the command line: reasons, dependencies, links, series and labels."""

from typing import Annotated

import typer
from msgspec import UNSET

from nexus.features.tasks.printing import done
from nexus.platform.cli import (
    Csv,
    Cursor,
    Json,
    Limit,
    client,
    complete_tasks,
    fail,
    group,
    named_tasks,
    output,
    plain,
    print_json,
    print_more,
    print_table,
    word,
)
from nexus_client import models

Ref = Annotated[
    str,
    typer.Argument(
        metavar="TASK", help="The task's key (API-42) or id.", autocompletion=complete_tasks
    ),
]
Other = Annotated[
    str, typer.Argument(metavar="OTHER", help="Another task.", autocompletion=complete_tasks)
]

app = typer.Typer(rich_markup_mode=None)
labels = group("label", "Look at labels, rename and remove them.")


@app.command("why")
def why_task(task: Ref, as_json: Json = False) -> None:
    """Say what a task waits for, down to the root, and what its finish sets free.

    \b
    Examples:
      nexus task why API-42
    """
    why = client().why_task(task)
    if as_json:
        print_json(why)
        return
    console = output()
    console.print(
        f"[bold]{why.task.key}  {plain(why.task.title)}[/bold]  ({word(why.task.status)})"
    )
    if why.is_ready:
        console.print("It is ready: you can begin it now.")
    for reason in why.reasons:
        console.print(plain(reason))
    _print_steps("Waits for", why.waits_for)
    _print_steps("Unlocks", why.unlocks)


@app.command("depend")
def depend_task(
    task: Ref,
    on: Other,
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
        done(changed, as_json, f"{changed.key} no longer waits for {on}.")
    else:
        changed = api.depend_task(task, models.DependencyIn(depends_on=on))
        done(changed, as_json, f"{changed.key} waits for {on}.")


@app.command("dependencies")
def list_task_dependencies(task: Ref, as_csv: Csv = False, as_json: Json = False) -> None:
    """List what a task waits for.

    \b
    Examples:
      nexus task dependencies API-42
    """
    page = client().list_task_dependencies(task)
    if as_json:
        print_json(page)
        return
    print_table(
        ["KEY", "TITLE", "STATUS"],
        [(one.key, plain(one.title), word(one.status)) for one in page.items],
        empty="It waits for nothing.",
        as_csv=as_csv,
    )


@app.command("link")
def link_task(
    task: Ref,
    to: Annotated[str, typer.Argument(metavar="TO", help="Another task, or an address.")],
    kind: Annotated[str, typer.Option(help="Such as related, duplicates, discovered-from.")] = (
        "related"
    ),
    title: Annotated[str, typer.Option(help="What the page is called.")] = "",
    as_json: Json = False,
) -> None:
    """Relate a task to another one, or to a page. This blocks nothing.

    \b
    Examples:
      nexus task link API-42 API-7 --kind duplicates
      nexus task link API-42 https://example.com/design --title "The design"
    """
    is_page = to.startswith(("http://", "https://"))
    body = models.LinkIn(
        kind=kind, task=None if is_page else to, url=to if is_page else None, title=title
    )
    linked = client().link_task(task, body)
    done(linked, as_json, f"{linked.key} is linked to {to}.")


@app.command("unlink")
def unlink_task(
    task: Ref,
    link: Annotated[
        str, typer.Argument(help="The other task's key, the address or the link's id.")
    ],
    as_json: Json = False,
) -> None:
    """Remove a link from a task.

    \b
    Examples:
      nexus task unlink API-42 API-7
    """
    api = client()
    wanted = link.casefold()
    found = [
        one.id
        for one in api.get_task(task).links
        if wanted
        in {one.id, (one.url or "").casefold(), one.task.key.casefold() if one.task else ""}
    ]
    if not found:
        fail(f"{task} has no link to {link}. 'nexus task get {task}' shows its links.", 4)
    changed = [api.unlink_task(task, one) for one in found][-1]
    done(changed, as_json, f"{changed.key} is no longer linked to {link}.")


@app.command("accept")
def set_task_acceptance(
    task: Ref,
    item: Annotated[str, typer.Argument(help="Its number in 'task get', or its id.")],
    undo: Annotated[bool, typer.Option("--undo", help="It is not met after all.")] = False,
    as_json: Json = False,
) -> None:
    """Say that one acceptance item is met, or (--undo) no longer is.

    \b
    Examples:
      nexus task accept API-42 1
    """
    api = client()
    item_id = item
    if item.isdigit():
        items = api.get_task(task).acceptance
        if not 1 <= int(item) <= len(items):
            fail(f"{task} has {len(items)} acceptance items.", 4)
        item_id = items[int(item) - 1].id
    changed = api.set_task_acceptance(task, item_id, models.AcceptancePatch(is_met=not undo))
    met = sum(one.is_met for one in changed.acceptance)
    done(changed, as_json, f"{met} of {len(changed.acceptance)} items are met.")


@app.command("move")
def move_task(
    task: Ref,
    after: Annotated[str | None, typer.Option(help="Right below this task.")] = None,
    before: Annotated[str | None, typer.Option(help="Right above this task.")] = None,
    as_json: Json = False,
) -> None:
    """Put a task next to another one on its project's board.

    \b
    Examples:
      nexus task move API-42 --after API-7
    """
    moved = client().move_task(task, models.PositionIn(after=after, before=before))
    done(moved, as_json, f"{moved.key} stands {'below' if after else 'above'} {after or before}.")


@app.command("transfer")
def transfer_task(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="TASK... PROJECT",
            help="The tasks ('-' reads them from standard input) and the project's key.",
            autocompletion=complete_tasks,
        ),
    ],
    as_json: Json = False,
) -> None:
    """Move tasks, with their subtasks, to another project. Their old keys stay valid.

    \b
    Examples:
      nexus task transfer API-42 WEB
    """
    *names, project = arguments
    api = client()
    for task in named_tasks(names):
        moved = api.transfer_task(task, models.TransferIn(project=project.upper()))
        done(moved, as_json, f"{task} is {moved.key} now.")


@app.command("recur")
def recur_task(
    task: Ref,
    rule: Annotated[
        str | None, typer.Argument(help="A rule of RFC 5545, such as FREQ=WEEKLY;BYDAY=MO.")
    ] = None,
    on_schedule: Annotated[
        bool, typer.Option("--on-schedule", help="On its day, whether the last is finished or not.")
    ] = False,
    stop: Annotated[bool, typer.Option("--stop", help="It does not come again.")] = False,
    as_json: Json = False,
) -> None:
    """Let a task come again by a rule: when it is finished, or on its day in the calendar.

    \b
    Examples:
      nexus task recur API-42 "FREQ=WEEKLY;BYDAY=MO"
      nexus task recur API-42 "FREQ=MONTHLY;BYMONTHDAY=1" --on-schedule
      nexus task recur API-42 --stop
    """
    api = client()
    if stop:
        once = api.unrecur_task(task)
        done(once, as_json, f"{once.key} does not come again.")
        return
    if rule is None:
        fail("Say by which rule: nexus task recur API-42 'FREQ=WEEKLY;BYDAY=MO'.", 2)
    trigger = "schedule" if on_schedule else "finish"
    changed = api.recur_task(task, models.RecurrenceIn(rule=rule, trigger=trigger))
    done(changed, as_json, f"{changed.key} comes again: {rule}.")


@app.command("bulk")
def update_tasks(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="TASK...",
            help="The tasks; '-' reads them from standard input.",
            autocompletion=complete_tasks,
        ),
    ],
    status: Annotated[str | None, typer.Option("--status", "-s", help="Their new status.")] = None,
    priority: Annotated[str | None, typer.Option(help="critical high medium low none")] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", "-l", help="These labels instead.")
    ] = None,
    assignee: Annotated[
        list[str] | None, typer.Option(help="These assignees (ids) instead, or 'none'.")
    ] = None,
    due: Annotated[str | None, typer.Option(help="As 2026-12-31, or 'none'.")] = None,
    parent: Annotated[str | None, typer.Option(help="The new parent, or 'none'.")] = None,
    archived: Annotated[
        bool | None, typer.Option("--archive/--unarchive", help="Into the archive, or out of it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Change up to 200 tasks in one step: all of them, or none if one cannot be.

    \b
    Examples:
      nexus task bulk API-1 API-2 --priority high --label urgent
      nexus task list -q checkout --json | nexus task bulk - --status deferred
    """
    api = client()
    items = [
        models.BulkItemIn(
            task=task.id,
            version=task.version,
            status=status or UNSET,  # pyright: ignore[reportArgumentType] - the server says what is wrong
            priority=priority or UNSET,  # pyright: ignore[reportArgumentType]
            labels=UNSET if label is None else label,
            assignees=UNSET if assignee is None else [one for one in assignee if one != "none"],
            due_on=None if due == "none" else due or UNSET,
            parent=None if parent == "none" else parent or UNSET,
            archived=UNSET if archived is None else archived,
        )
        for task in (api.get_task(name) for name in named_tasks(arguments))
    ]
    changed = api.update_tasks(models.BulkIn(items=items))
    if as_json:
        print_json(changed)
        return
    output().print(f"Changed {', '.join(one.key for one in changed.items)}.")


@labels.command("list")
def list_labels(
    limit: Limit = 50, cursor: Cursor = None, as_csv: Csv = False, as_json: Json = False
) -> None:
    """List the labels of the workspace.

    \b
    Examples:
      nexus label list
    """
    page = client().list_labels(limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(
        ["ID", "NAME"],
        [(one.id, plain(one.name)) for one in page.items],
        empty="There is no label yet. 'nexus task update API-1 --label urgent' makes one.",
        as_csv=as_csv,
    )
    print_more(page.next_cursor)


@labels.command("update")
def update_label(
    label: Annotated[str, typer.Argument(help="The label's id.")],
    name: Annotated[str, typer.Argument(help="Its new name.")],
    as_json: Json = False,
) -> None:
    """Rename a label on all tasks.

    \b
    Examples:
      nexus label update 0199e7a0-... "needs design"
    """
    changed = client().update_label(label, models.LabelPatch(name=name))
    print_json(changed) if as_json else output().print(f"It is {plain(changed.name)} now.")


@labels.command("remove")
def remove_label(
    label: Annotated[str, typer.Argument(help="The label's id.")], as_json: Json = False
) -> None:
    """Take a label off all tasks.

    \b
    Examples:
      nexus label remove 0199e7a0-...
    """
    client().remove_label(label)
    print_json(None) if as_json else output().print("The label is gone.")


def _print_steps(heading: str, steps: list[models.WaitingOut]) -> None:
    if steps:
        output().print(f"\n[bold]{heading}[/bold]")
    for step in steps:
        indent = "  " * step.distance
        if step.task is None:
            output().print(f"{indent}a task that you cannot see")
            continue
        root = "  <- begin here" if step.is_root and heading == "Waits for" else ""
        output().print(
            f"{indent}{step.task.key}  {plain(step.task.title)}  ({word(step.task.status)}){root}"
        )
