"""Repositories on the command line."""

from typing import Annotated

import typer
from msgspec import UNSET

from nexus.platform.cli import (
    Csv,
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
from nexus.platform.facts import print_facts
from nexus.platform.finding import find_repository
from nexus_client import models

Repository = Annotated[
    str, typer.Argument(metavar="REPOSITORY", help="The repository's name, address or id.")
]

app = group("repository", "Look at the code repositories that tasks are about, and change them.")


@app.command("list")
def list_repositories(
    archived: Annotated[bool, typer.Option("--archived", help="The archived ones.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List repositories.

    \b
    Examples:
      nexus repository list
      nexus repository list --archived
    """
    page = client().list_repositories(archived=archived or None, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(
        ["NAME", "URL", "PROVIDER", "BRANCH", *(["ID"] if as_csv else [])],
        [
            (
                plain(one.name),
                plain(one.url),
                one.provider,
                plain(one.default_branch),
                *([one.id] if as_csv else []),
            )
            for one in page.items
        ],
        empty="There is none. 'nexus repository create NAME --url URL' adds one.",
        as_csv=as_csv,
    )
    print_more(page.next_cursor)


@app.command("get")
def get_repository(repository: Repository, as_json: Json = False) -> None:
    """Show a repository.

    \b
    Examples:
      nexus repository get shop
    """
    api = client()
    found = api.get_repository(find_repository(api, repository).id)
    if as_json:
        print_json(found)
        return
    print_facts(
        {
            "Name": found.name + (" (archived)" if found.archived_at else ""),
            "Url": found.url,
            "Provider": found.provider,
            "Branch": found.default_branch,
            "Version": str(found.version),
            "Id": found.id,
        }
    )


@app.command("create")
def create_repository(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    url: Annotated[str, typer.Option(help="Where it is cloned from.")],
    provider: Annotated[str, typer.Option(help="github gitlab other")] = "github",
    branch: Annotated[str, typer.Option(help="The default branch.")] = "main",
    as_json: Json = False,
) -> None:
    """Add a repository.

    \b
    Examples:
      nexus repository create shop --url https://github.com/acme/shop
      nexus repository create tools --url git@git.acme.org:tools.git --provider other
    """
    made = client().create_repository(
        models.RepositoryIn(name=name, url=url, provider=provider, default_branch=branch)  # pyright: ignore[reportArgumentType] - the server says what is wrong
    )
    print_json(made) if as_json else output().print(f"Added {plain(made.name)}.")


@app.command("update")
def update_repository(
    repository: Repository,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    url: Annotated[str | None, typer.Option(help="A new address.")] = None,
    branch: Annotated[str | None, typer.Option(help="Another default branch.")] = None,
    archived: Annotated[
        bool | None, typer.Option("--archive/--unarchive", help="Into the archive, or out of it.")
    ] = None,
    version: Annotated[
        int | None, typer.Option(help="Only if it is still at this version.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Change or archive a repository; what is not named stays.

    \b
    Examples:
      nexus repository update shop --branch trunk
      nexus repository update old --archive
    """
    api = client()
    patch = models.RepositoryPatch(
        name=UNSET if name is None else name,
        url=UNSET if url is None else url,
        default_branch=UNSET if branch is None else branch,
        archived=UNSET if archived is None else archived,
    )
    changed = api.update_repository(find_repository(api, repository).id, patch, if_match=version)
    sentence = f"{changed.name} is at version {changed.version}."
    print_json(changed) if as_json else output().print(plain(sentence))


app.command("show", hidden=True)(get_repository)
app.command("edit", hidden=True)(update_repository)
