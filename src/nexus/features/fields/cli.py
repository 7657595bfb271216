"""Custom fields of a project's tasks on the command line."""

from typing import Annotated

import typer
from msgspec import UNSET

from nexus.platform.cli import (
    Csv,
    Json,
    client,
    complete_projects,
    fail,
    group,
    output,
    plain,
    print_json,
    print_table,
)
from nexus_client import models

Project = Annotated[
    str,
    typer.Argument(
        metavar="PROJECT", help="The project's key, such as API.", autocompletion=complete_projects
    ),
]
Field = Annotated[str, typer.Argument(metavar="FIELD", help="The field's key, such as severity.")]

app = group("field", "Look at the custom fields of a project's tasks and change them.")


@app.command("list")
def list_fields(project: Project, as_csv: Csv = False, as_json: Json = False) -> None:
    """List the custom fields of a project's tasks.

    \b
    Examples:
      nexus field list API
    """
    page = client().list_fields(project)
    if as_json:
        print_json(page)
        return
    print_table(
        ["KEY", "NAME", "TYPE", "REQUIRED", "CHOICES"],
        [
            (
                one.key,
                plain(one.name),
                one.type,
                "yes" if one.is_required else "",
                plain(", ".join(one.choices)),
            )
            for one in page.items
        ],
        empty=f"{project} has none. 'nexus field create {project} points --type number' makes one.",
        as_csv=as_csv,
    )


@app.command("create")
def create_field(
    project: Project,
    field: Field,
    type: Annotated[str, typer.Option(help="text number date choice url member")],
    name: Annotated[
        str | None, typer.Option(help="What people call it; the key if not said.")
    ] = None,
    choice: Annotated[
        list[str] | None, typer.Option(help="A value of a choice (repeatable).")
    ] = None,
    required: Annotated[
        bool, typer.Option("--required", help="New tasks must have a value.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Define a custom field for a project's tasks.

    \b
    Examples:
      nexus field create API points --type number
      nexus field create API severity --type choice --choice low --choice high --required
      nexus task create "A bug" --project API --set severity=high
    """
    made = client().create_field(
        project,
        models.FieldIn(
            key=field,
            name=name or field,
            type=type,  # pyright: ignore[reportArgumentType] - the server says what is wrong
            choices=choice or [],
            is_required=required,
        ),
    )
    sentence = f"Tasks take --set {made.key}=... now."
    print_json(made) if as_json else output().print(plain(sentence))


@app.command("update")
def update_field(
    project: Project,
    field: Field,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    choice: Annotated[
        list[str] | None, typer.Option(help="These choices instead of the old ones (repeatable).")
    ] = None,
    required: Annotated[
        bool | None, typer.Option("--required/--optional", help="Must new tasks have a value?")
    ] = None,
    as_json: Json = False,
) -> None:
    """Change a custom field's definition; the values in tasks stay.

    \b
    Examples:
      nexus field update API severity --choice low --choice high --choice critical
      nexus field update API points --optional --name "Story points"
    """
    if name is None and choice is None and required is None:
        fail("Say what to change: --name, --choice, --required or --optional.", 2)
    patch = models.FieldPatch(
        name=UNSET if name is None else name,
        choices=UNSET if choice is None else choice,
        is_required=UNSET if required is None else required,
    )
    changed = client().update_field(project, field, patch)
    print_json(changed) if as_json else output().print(f"{plain(changed.key)} is changed.")


@app.command("remove")
def remove_field(project: Project, field: Field, as_json: Json = False) -> None:
    """Remove a custom field's definition; the values in tasks stay.

    \b
    Examples:
      nexus field remove API points
    """
    client().remove_field(project, field)
    print_json({"removed": field}) if as_json else output().print(f"{plain(field)} is removed.")


app.command("edit", hidden=True)(update_field)
