"""Projects on the command line."""

from typing import Annotated, Any, cast

import typer
from msgspec import UNSET

from nexus.features.projects.printing import print_graph
from nexus.platform.cli import (
    Csv,
    Cursor,
    Json,
    Limit,
    client,
    complete_projects,
    group,
    output,
    plain,
    print_json,
    print_more,
    print_table,
)
from nexus.platform.finding import find_repository, find_user_id
from nexus_client import models

Key = Annotated[
    str,
    typer.Argument(
        metavar="KEY", help="The project's key, such as API.", autocompletion=complete_projects
    ),
]
User = Annotated[
    str, typer.Argument(metavar="USER", help="A member's @handle, e-mail address, name or id.")
]
Repository = Annotated[
    str, typer.Argument(metavar="REPOSITORY", help="The repository's name, address or id.")
]
Lead = Annotated[
    str | None, typer.Option(help="Who leads it: @handle, e-mail address, name or id.")
]

app = group("project", "Look at projects and change them.")


@app.command("list")
def list_projects(
    archived: Annotated[bool, typer.Option("--archived", help="The archived ones.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List the projects that you can see.

    \b
    Examples:
      nexus project list
      nexus project list --archived --csv
    """
    page = client().list_projects(archived=archived or None, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(
        ["KEY", "NAME", "VISIBILITY"],
        [(one.key, plain(one.name), one.visibility) for one in page.items],
        empty="There is no project yet. 'nexus project create API --name \"The API\"' makes one.",
        as_csv=as_csv,
    )
    print_more(page.next_cursor)


@app.command("get")
def get_project(key: Key, as_json: Json = False) -> None:
    """Show a project, its members and its repositories.

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
    if repositories := api.list_project_repositories(key).items:
        console.print(f"Repositories: {plain(', '.join(one.name for one in repositories))}")
    archived = ", in the archive" if project.archived_at else ""
    console.print(f"Version {project.version}{archived}")


@app.command("create")
def create_project(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A short new key, such as API.")],
    name: Annotated[str, typer.Option(help="What people call it.")],
    description: Annotated[str, typer.Option("--description", "-d", help="Markdown.")] = "",
    private: Annotated[bool, typer.Option("--private", help="Seen by its members only.")] = False,
    lead: Lead = None,
    as_json: Json = False,
) -> None:
    """Create a project.

    \b
    Examples:
      nexus project create API --name "The API"
      nexus project create SECRET --name "Next big thing" --private --lead @grace
    """
    api = client()
    project = api.create_project(
        models.ProjectIn(
            key=key.upper(),
            name=name,
            description=description,
            visibility="private" if private else "workspace",
            lead_id=find_user_id(api, lead) if lead else UNSET,
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
    lead: Lead = None,
    version: Annotated[
        int | None, typer.Option(help="Only if it is still at this version.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Change or archive a project; its lead and admins may.

    \b
    Examples:
      nexus project update API --name "The public API"
      nexus project update API --lead @grace --version 3
      nexus project update OLD --archive
    """
    api = client()
    visibility = UNSET if private is None else "private" if private else "workspace"
    patch = models.ProjectPatch(
        name=UNSET if name is None else name,
        description=UNSET if description is None else description,
        visibility=visibility,
        archived=UNSET if archived is None else archived,
        lead_id=find_user_id(api, lead) if lead else UNSET,
    )
    project = api.update_project(key, patch, if_match=version)
    sentence = f"{project.key} is at version {project.version}."
    print_json(project) if as_json else output().print(sentence)


@app.command("policy")
def set_project_policy(
    key: Key,
    landing: Annotated[
        str, typer.Option(help="Where submitted work lands: in_review or done.")
    ] = "in_review",
    acceptors: Annotated[
        str, typer.Option(help="Who accepts it: people, leads, admins or anyone.")
    ] = "people",
    evidence: Annotated[
        str,
        typer.Option(
            help="Kinds of evidence for each acceptance item: commit, pull_request, check, "
            "command, link, with commas; 'none' where none is needed."
        ),
    ] = "commit,pull_request,check,command,link",
    expansion: Annotated[
        str,
        typer.Option(help="Who accepts proposals to split tasks: person, or policy (nobody asks)."),
    ] = "person",
    version: Annotated[
        int | None, typer.Option(help="Only if it is still at this version.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what it takes to split and to finish a task of a project; its lead and admins may.

    An agent never accepts its own work, whatever the policy says.

    \b
    Examples:
      nexus project policy API --acceptors leads --evidence commit,check
      nexus project policy DOCS --landing done --evidence none
    """
    kinds = [] if evidence == "none" else [one.strip() for one in evidence.split(",")]
    policy = models.PolicyIn(
        landing=cast("Any", landing),
        acceptors=cast("Any", acceptors),
        evidence=cast("Any", kinds),
        expansion=cast("Any", expansion),
    )
    project = client().set_project_policy(key, policy, if_match=version)
    sentence = f"{project.key} is at version {project.version}."
    print_json(project) if as_json else output().print(sentence)


@app.command("graph")
def get_project_graph(
    key: Key,
    finished: Annotated[
        bool, typer.Option("--finished", help="With the finished tasks too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a project's tasks in the order in which they can be done, and its longest chain.

    What stands in the first layer waits for nothing; what stands further down waits for
    something above it. The critical path, the longest chain of work, is marked with a star.

    \b
    Examples:
      nexus project graph API
      nexus project graph API --json | jq .critical_path
    """
    graph = client().get_project_graph(key, finished=finished or None)
    print_json(graph) if as_json else print_graph(graph)


@app.command("members")
def list_project_members(key: Key, as_csv: Csv = False, as_json: Json = False) -> None:
    """List a project's members.

    \b
    Examples:
      nexus project members API
    """
    page = client().list_project_members(key)
    if as_json:
        print_json(page)
        return
    print_table(
        ["NAME", "HANDLE", "LEAD", *(["ID"] if as_csv else [])],
        [
            (
                plain(one.name),
                one.handle,
                "yes" if one.is_lead else "",
                *([one.id] if as_csv else []),
            )
            for one in page.items
        ],
        empty=f"{key} has no members.",
        as_csv=as_csv,
    )


@app.command("add-member")
def add_project_member(key: Key, user: User, as_json: Json = False) -> None:
    """Add a member to a project.

    \b
    Examples:
      nexus project add-member API @grace
    """
    api = client()
    user_id = find_user_id(api, user)
    api.add_project_member(key, user_id)
    done = {"project": key, "added": user_id}
    print_json(done) if as_json else output().print(plain(f"{user} is a member of {key}."))


@app.command("remove-member")
def remove_project_member(key: Key, user: User, as_json: Json = False) -> None:
    """Remove a member from a project.

    \b
    Examples:
      nexus project remove-member API @grace
    """
    api = client()
    user_id = find_user_id(api, user)
    api.remove_project_member(key, user_id)
    done = {"project": key, "removed": user_id}
    print_json(done) if as_json else output().print(plain(f"{user} is no member of {key} now."))


@app.command("repositories")
def list_project_repositories(key: Key, as_csv: Csv = False, as_json: Json = False) -> None:
    """List the repositories that a project is about.

    \b
    Examples:
      nexus project repositories API
    """
    page = client().list_project_repositories(key)
    if as_json:
        print_json(page)
        return
    print_table(
        ["NAME", "URL", *(["ID"] if as_csv else [])],
        [(plain(one.name), plain(one.url), *([one.id] if as_csv else [])) for one in page.items],
        empty=f"None. 'nexus project add-repository {key} REPOSITORY' adds one.",
        as_csv=as_csv,
    )


@app.command("add-repository")
def add_project_repository(key: Key, repository: Repository, as_json: Json = False) -> None:
    """Say that a project is about a repository.

    \b
    Examples:
      nexus project add-repository API shop
    """
    api = client()
    found = find_repository(api, repository)
    api.add_project_repository(key, found.id)
    done = {"project": key, "added": found.id}
    print_json(done) if as_json else output().print(plain(f"{key} is about {found.name}."))


@app.command("remove-repository")
def remove_project_repository(key: Key, repository: Repository, as_json: Json = False) -> None:
    """Say that a project is no longer about a repository.

    \b
    Examples:
      nexus project remove-repository API shop
    """
    api = client()
    found = find_repository(api, repository)
    api.remove_project_repository(key, found.id)
    done = {"project": key, "removed": found.id}
    print_json(done) if as_json else output().print(plain(f"{key} is not about {found.name} now."))


app.command("show", hidden=True)(get_project)
app.command("edit", hidden=True)(update_project)
