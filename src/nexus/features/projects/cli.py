"""Projects on the command line."""

from typing import Annotated

import typer
from msgspec import UNSET

from nexus.platform.cli import (
    Cursor,
    Json,
    Limit,
    client,
    group,
    output,
    plain,
    print_json,
    print_more,
    print_table,
)
from nexus_client import models

Key = Annotated[str, typer.Argument(metavar="KEY", help="The project's key, such as API.")]

app = group("project", "Look at projects and change them.")


@app.command("list")
def list_projects(
    archived: Annotated[bool, typer.Option("--archived", help="The archived ones.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """List the projects that you can see."""
    page = client().list_projects(archived=archived or None, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(
        ["KEY", "NAME", "VISIBILITY"],
        [(one.key, plain(one.name), one.visibility) for one in page.items],
        empty="There is no project yet. 'nexus project create API --name \"The API\"' makes one.",
    )
    print_more(page.next_cursor)


@app.command("get")
def get_project(key: Key, as_json: Json = False) -> None:
    """Show a project and its members.

    \b
    Examples:
      nexus project get API
    """
    api = client()
    project = api.get_project(key)
    if as_json:
        print_json(project)
        return
    members = api.list_project_members(key).items
    console = output()
    console.print(f"[bold]{project.key}  {plain(project.name)}[/bold]  ({project.visibility})")
    if project.description:
        console.print(plain(project.description))
    names = [f"{one.name}{' (lead)' if one.is_lead else ''}" for one in members]
    console.print(f"Members: {plain(', '.join(names))}")


@app.command("create")
def create_project(
    key: Key,
    name: Annotated[str, typer.Option(help="What people call it.")],
    description: Annotated[str, typer.Option("--description", "-d", help="Markdown.")] = "",
    private: Annotated[bool, typer.Option("--private", help="Seen by its members only.")] = False,
    as_json: Json = False,
) -> None:
    """Create a project.

    \b
    Examples:
      nexus project create API --name "The API"
      nexus project create SECRET --name "Next big thing" --private
    """
    project = client().create_project(
        models.ProjectIn(
            key=key.upper(),
            name=name,
            description=description,
            visibility="private" if private else "workspace",
        )
    )
    print_json(project) if as_json else output().print(f"Created {project.key}.")


@app.command("update")
def update_project(
    key: Key,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    description: Annotated[
        str | None, typer.Option("--description", "-d", help="Markdown.")
    ] = None,
    private: Annotated[
        bool | None, typer.Option("--private/--open", help="Seen by members only, or by all.")
    ] = None,
    archived: Annotated[
        bool | None, typer.Option("--archive/--unarchive", help="Into the archive, or out of it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Change or archive a project; its lead and admins may.

    \b
    Examples:
      nexus project update API --name "The public API"
      nexus project update OLD --archive
    """
    visibility = UNSET if private is None else "private" if private else "workspace"
    patch = models.ProjectPatch(
        name=UNSET if name is None else name,
        description=UNSET if description is None else description,
        visibility=visibility,
        archived=UNSET if archived is None else archived,
    )
    project = client().update_project(key, patch)
    print_json(project) if as_json else output().print(f"{project.key} is changed.")


app.command("show", hidden=True)(get_project)
app.command("edit", hidden=True)(update_project)
