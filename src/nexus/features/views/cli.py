"""Saved views of tasks on the command line."""

import shlex
from typing import Annotated, Any

import typer
from msgspec import UNSET

from nexus.features.tasks.printing import print_tasks
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
    fail,
    given_filters,
    group,
    output,
    plain,
    print_json,
    print_more,
    print_table,
)
from nexus.platform.finding import find_view
from nexus_client import models

View = Annotated[str, typer.Argument(metavar="VIEW", help="The view's name or id.")]
Project = Annotated[
    list[str] | None,
    typer.Option("--project", "-p", help="Of this project.", autocompletion=complete_projects),
]
Field = Annotated[list[str] | None, typer.Option(help="Such as severity=high or 'points>=3'.")]
Ready = Annotated[bool | None, typer.Option("--ready", help="Only what one could begin now.")]

app = group("view", "Save lists of tasks under a name, look at them and run them.")


@app.command("list")
def list_views(
    limit: Limit = 50, cursor: Cursor = None, as_csv: Csv = False, as_json: Json = False
) -> None:
    """List your saved views and those that others share.

    \b
    Examples:
      nexus view list
    """
    page = client().list_views(limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(
        ["NAME", "SHARED", "FILTERS", *(["ID"] if as_csv else [])],
        [
            (
                plain(one.name),
                "yes" if one.is_shared else "",
                plain(_flags(one.query)),
                *([one.id] if as_csv else []),
            )
            for one in page.items
        ],
        empty="There is none. 'nexus view create \"My bugs\" --label bug --assignee me' saves one.",
        as_csv=as_csv,
    )
    print_more(page.next_cursor)


@app.command("get")
def get_view(view: View, as_json: Json = False) -> None:
    """Show a saved view and the filters in it.

    \b
    Examples:
      nexus view get "My bugs"
    """
    api = client()
    found = api.get_view(find_view(api, view).id)
    if as_json:
        print_json(found)
        return
    console = output()
    shared = "shared with everybody" if found.is_shared else "its owner's alone"
    console.print(f"[bold]{plain(found.name)}[/bold]  ({shared}, version {found.version})")
    console.print(plain(f"nexus task list {_flags(found.query)}"))


@app.command("create")
def create_view(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call the view.")],
    shared: Annotated[bool, typer.Option("--shared", help="Show it to everybody.")] = False,
    status: Status = None,
    project: Project = None,
    label: Label = None,
    priority: Priority = None,
    assignee: Assignee = None,
    created_by: CreatedBy = None,
    parent: Parent = None,
    repository: Repository = None,
    field: Field = None,
    ready: Ready = None,
    waiting: Waiting = None,
    due_from: DueFrom = None,
    due_until: DueUntil = None,
    updated_since: UpdatedSince = None,
    q: Search = None,
    archived: Archived = None,
    sort: Sort = None,
    as_json: Json = False,
) -> None:
    """Save the filters of a list of tasks under a name.

    \b
    Examples:
      nexus view create "My bugs" --label bug --assignee me --sort due
      nexus view create "Big and ready" --ready --field 'points>=8' --shared
    """
    query = given_filters(locals())
    made = client().create_view(models.ViewIn(name=name, query=_wire(query), is_shared=shared))
    sentence = f"Saved. 'nexus view run {shlex.quote(made.name)}' lists its tasks."
    print_json(made) if as_json else output().print(plain(sentence))


@app.command("update")
def update_view(
    view: View,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    shared: Annotated[
        bool | None, typer.Option("--shared/--own", help="For everybody, or for you alone.")
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(help="Take this filter away, as --without label (repeatable)."),
    ] = None,
    version: Annotated[
        int | None, typer.Option(help="Only if it is still at this version.")
    ] = None,
    status: Status = None,
    project: Project = None,
    label: Label = None,
    priority: Priority = None,
    assignee: Assignee = None,
    created_by: CreatedBy = None,
    parent: Parent = None,
    repository: Repository = None,
    field: Field = None,
    ready: Ready = None,
    waiting: Waiting = None,
    due_from: DueFrom = None,
    due_until: DueUntil = None,
    updated_since: UpdatedSince = None,
    q: Search = None,
    archived: Archived = None,
    sort: Sort = None,
    as_json: Json = False,
) -> None:
    """Change a saved view; filters that are not named stay.

    \b
    Examples:
      nexus view update "My bugs" --label bug --label urgent
      nexus view update "My bugs" --without assignee --shared --name "All bugs"
    """
    changes = given_filters(locals())
    api = client()
    old = find_view(api, view)
    patch = models.ViewPatch(
        name=UNSET if name is None else name,
        query=_wire(_less(old.query, without or []) | changes) if changes or without else UNSET,
        is_shared=UNSET if shared is None else shared,
    )
    changed = api.update_view(old.id, patch, if_match=version or old.version)
    sentence = f"{changed.name} is at version {changed.version}."
    print_json(changed) if as_json else output().print(plain(sentence))


@app.command("remove")
def remove_view(view: View, as_json: Json = False) -> None:
    """Remove a saved view; its tasks stay.

    \b
    Examples:
      nexus view remove "My bugs"
    """
    api = client()
    found = find_view(api, view)
    api.remove_view(found.id)
    sentence = f"{found.name} is removed."
    print_json({"removed": found.id}) if as_json else output().print(plain(sentence))


@app.command("run")
def run_view(
    view: View,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List the tasks of a saved view, as 'nexus task list --view' does.

    \b
    Examples:
      nexus view run "My bugs"
      nexus view run "My bugs" --json | nexus task status in_progress -
    """
    api = client()
    page = api.list_tasks(**find_view(api, view).query, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_tasks(page, empty="No task fits this view now.", as_csv=as_csv)
    print_more(page.next_cursor)


app.command("show", hidden=True)(get_view)
app.command("edit", hidden=True)(update_view)


def _less(query: dict[str, Any], without: list[str]) -> dict[str, Any]:
    names = {one.replace("-", "_").replace("search", "q") for one in without}
    if unknown := names - query.keys():
        there = ", ".join(_option(name) for name in query) or "none"
        fail(f"The view has no filter {', '.join(sorted(unknown))}. It has: {there}.", 6)
    return {name: value for name, value in query.items() if name not in names}


def _wire(query: dict[str, Any]) -> models.ViewQueryIn:
    return models.ViewQueryIn(
        **{"field_" if name == "field" else name: value for name, value in query.items()}
    )


def _flags(query: dict[str, Any]) -> str:
    """The filters as one would type them."""
    parts: list[str] = []
    for name, value in query.items():
        match value:
            case True:
                parts.append(f"--{_option(name)}")
            case False:
                parts.append(f"--not-{_option(name)}")
            case [*several]:
                parts += [f"--{_option(name)} {shlex.quote(str(one))}" for one in several]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            case _:
                parts.append(f"--{_option(name)} {shlex.quote(str(value))}")
    return " ".join(parts)


def _option(name: str) -> str:
    return "search" if name == "q" else name.replace("_", "-")
