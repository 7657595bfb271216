"""The command line `nexus`: user commands speak HTTP, operator commands run in this process."""

import os
from typing import Annotated

import typer
from typer.core import TyperGroup
from typing_extensions import override

from nexus.entrypoints.backup_commands import backup, password, restore
from nexus.entrypoints.exchange import export_tasks, import_file
from nexus.entrypoints.job_commands import app as operators_job_commands
from nexus.entrypoints.operating import settings_of
from nexus.features.agents.cli import app as agent_commands
from nexus.features.alerts.cli import app as alert_commands
from nexus.features.alerts.cli import doctor
from nexus.features.budgets.cli import app as budget_commands
from nexus.features.comments.cli import app as comment_commands
from nexus.features.events.cli import list_events, watch
from nexus.features.fields.cli import app as field_commands
from nexus.features.identity.cli import account, login, logout, profile_commands, sessions
from nexus.features.imports.cli import app as import_commands
from nexus.features.jobs.cli import app as job_commands
from nexus.features.keys.cli import app as key_commands
from nexus.features.projects.cli import app as project_commands
from nexus.features.proposals.cli import app as proposal_commands
from nexus.features.proposals.cli import tasks as expansion_commands
from nexus.features.repositories.cli import app as repository_commands
from nexus.features.runs.cli import app as run_commands
from nexus.features.runs.cli import claim_task
from nexus.features.runs.parts_cli import agents as dispatch_commands
from nexus.features.runs.parts_cli import app as run_part_commands
from nexus.features.runs.parts_cli import holds as hold_commands
from nexus.features.tasks.cli import app as task_commands
from nexus.features.tasks.cli import next_tasks
from nexus.features.tasks.complexity_cli import app as complexity_commands
from nexus.features.tasks.parts_cli import app as part_commands
from nexus.features.tasks.parts_cli import labels as label_commands
from nexus.features.views.cli import app as view_commands
from nexus.features.webhooks.cli import app as webhook_commands
from nexus.features.workspaces.cli import invitations, users, workspaces
from nexus.platform.api_command import call_api
from nexus.platform.cli import EXIT_CODES_HELP, fail, output, run


class InOrder(TyperGroup):
    """Lists commands in the order in which people need them, and what is new at the end."""

    ORDER = (
        *(
            "task",
            "next",
            "claim",
            "run",
            "agent",
            "budget",
            "proposal",
            "view",
            "project",
            "field",
            "label",
            "repository",
        ),
        *("import", "imports", "export", "events", "watch"),
        *("user", "invitation", "workspace", "webhook", "key", "job", "alert", "doctor"),
        *("me", "session", "profile", "login", "logout", "api"),
        *("serve", "worker", "jobs", "migrate", "backup", "restore", "password"),
    )

    @override
    def list_commands(self, ctx: typer.Context) -> list[str]:  # pyright: ignore[reportIncompatibleMethodOverride] - Typer's own
        place = {name: number for number, name in enumerate(self.ORDER)}
        return sorted(super().list_commands(ctx), key=lambda name: place.get(name, len(place)))


app = typer.Typer(
    name="nexus",
    cls=InOrder,
    help="One shared backlog for people and AI coding agents.",
    epilog=EXIT_CODES_HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("next")(next_tasks)
app.command("claim")(claim_task)
task_commands.add_typer(part_commands)
task_commands.add_typer(hold_commands)
task_commands.add_typer(complexity_commands)
task_commands.add_typer(expansion_commands)
run_commands.add_typer(run_part_commands)
agent_commands.add_typer(dispatch_commands)
task_commands.add_typer(comment_commands)
app.add_typer(task_commands)
app.add_typer(agent_commands)
app.add_typer(run_commands)
app.add_typer(budget_commands)
app.add_typer(proposal_commands)
app.add_typer(view_commands)
app.add_typer(project_commands)
app.add_typer(field_commands)
app.add_typer(repository_commands)
app.add_typer(label_commands)
app.command("import")(import_file)
app.command("export")(export_tasks)
app.add_typer(import_commands)
app.command("events")(list_events)
app.command("watch")(watch)
app.add_typer(users)
app.add_typer(invitations)
app.add_typer(workspaces)
app.add_typer(webhook_commands)
app.add_typer(key_commands)
app.add_typer(job_commands)
app.add_typer(alert_commands)
app.command("doctor")(doctor)
app.add_typer(account)
app.add_typer(sessions)
app.add_typer(profile_commands)
app.add_typer(operators_job_commands)
app.command("login")(login)
app.command("logout")(logout)
app.command("api")(call_api)
app.command("backup")(backup)
app.command("restore")(restore)
app.command("password")(password)


@app.callback()
def choose(
    profile: Annotated[
        str | None,
        typer.Option(
            help="The profile to use, instead of the current one.", envvar="NEXUS_PROFILE"
        ),
    ] = None,
) -> None:
    """Options before the command."""
    if profile:
        os.environ["NEXUS_PROFILE"] = profile


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")] = None,
    database: Annotated[
        str | None, typer.Option(help="sqlite:///path or postgresql://user:password@host/name")
    ] = None,
    migrating: Annotated[
        bool, typer.Option("--migrate/--no-migrate", help="Bring the database up to date first.")
    ] = False,
    with_worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Carry out jobs in this process as well.")
    ] = True,
) -> None:
    """Serve the API. Settings come from the environment, .env and these flags.

    \b
    Examples:
      nexus serve --migrate
      nexus serve --host 0.0.0.0 --port 8800 --database postgresql://nexus@db/nexus
    """
    from nexus.entrypoints import serve as server  # noqa: PLC0415 - user commands stay quick

    settings = settings_of(host=host, port=port, database=database)
    try:
        server.serve(settings, migrating=migrating, with_worker=with_worker)
    except server.CannotServe as error:
        fail(str(error), 1)


@app.command()
def worker(
    database: Annotated[
        str | None, typer.Option(help="sqlite:///path or postgresql://user:password@host/name")
    ] = None,
) -> None:
    """Carry out jobs in a process of their own, beside servers with --no-worker.

    On PostgreSQL start as many as you like; on SQLite one.

    \b
    Examples:
      nexus serve --no-worker & nexus worker
      nexus worker --database postgresql://nexus@db/nexus
    """
    from nexus.entrypoints import worker as process  # noqa: PLC0415
    from nexus.entrypoints.processes import CannotServe  # noqa: PLC0415

    try:
        process.work(settings_of(database=database))
    except CannotServe as error:
        fail(str(error), 1)


@app.command()
def migrate(
    database: Annotated[
        str | None, typer.Option(help="sqlite:///path or postgresql://user:password@host/name")
    ] = None,
    revision: Annotated[
        str, typer.Option(help="An older revision to go back to, or 'base'.")
    ] = "head",
) -> None:
    """Bring the database's schema up to date.

    \b
    Examples:
      nexus migrate
      nexus migrate --database postgresql://nexus@db/nexus
    """
    from nexus.entrypoints.processes import CannotServe, migrate_settings  # noqa: PLC0415

    settings = settings_of(database=database)
    try:
        migrate_settings(settings, revision)
    except CannotServe as error:
        fail(str(error), 7)
    output().print("The schema is up to date." if revision == "head" else f"At {revision}.")


def main() -> None:
    run(app)
