"""Agents on the command line."""

from typing import Annotated

import typer
from msgspec import UNSET

from nexus.platform.cli import (
    Csv,
    Cursor,
    Json,
    Limit,
    client,
    fail,
    group,
    output,
    plain,
    print_json,
    print_more,
    print_table,
    since,
)
from nexus.platform.facts import print_facts
from nexus.platform.finding import find_repository
from nexus_client import models
from nexus_client.client import NexusClient

Agent = Annotated[
    str, typer.Argument(metavar="AGENT", help="The agent's handle or id; 'me' for yourself.")
]
KeyId = Annotated[str, typer.Argument(metavar="KEY", help="The key's id, as 'agent keys' shows.")]
Capability = Annotated[
    list[str] | None,
    typer.Option("--capability", "-c", help="A label; it takes tasks with one of them only."),
]
Complexity = Annotated[str | None, typer.Option(help="From and to, as 1-5.")]
InProject = Annotated[list[str] | None, typer.Option("--project", "-p", help="By key.")]
InRepository = Annotated[list[str] | None, typer.Option("--repository", "-r", help="By name.")]
AtOnce = Annotated[int | None, typer.Option(min=1, max=100, help="Tasks at once.")]
Reviewed = Annotated[
    bool | None, typer.Option("--review/--no-review", help="Its work always lands in review.")
]
Reason = Annotated[str, typer.Option("--reason", "-m", help="What the agents are told.")]

app = group("agent", "Register agents, look at them, pause them.")


@app.command("list")
def list_agents(
    limit: Limit = 50, cursor: Cursor = None, as_csv: Csv = False, as_json: Json = False
) -> None:
    """List agents with what they work on.

    \b
    Examples:
      nexus agent list
      nexus agent list --json | jq '.items[] | select(.status == "working")'
    """
    page = client().list_agents(limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(
        ["AGENT", "KIND", "STATUS", "WORKS ON", "SEEN", "RUNS", "TOKENS", "COST"],
        [
            (
                f"@{one.handle}",
                one.kind,
                one.status,
                ", ".join(run.task for run in one.assignments),
                since(one.seen_at) if one.seen_at and not as_csv else one.seen_at or "never",
                str(one.totals.runs),
                f"{one.totals.usage.tokens_in + one.totals.usage.tokens_out:,}",
                f"{one.totals.usage.cost:.2f}",
            )
            for one in page.items
        ],
        empty="There is no agent. 'nexus agent register NAME' makes one.",
        as_csv=as_csv,
    )
    print_more(page.next_cursor)


@app.command("get")
def get_agent(agent: Agent, as_json: Json = False) -> None:
    """Show an agent: what it may take, what it works on, what it has done.

    \b
    Examples:
      nexus agent get robo
      nexus agent get me
    """
    found = client().get_agent(agent)
    print_json(found) if as_json else _print_agent(found)


@app.command("register")
def register_agent(
    name: Annotated[str, typer.Argument(help="What people call it.")],
    kind: Annotated[str, typer.Option(help="Such as claude-code or codex.")] = "custom",
    description: Annotated[str, typer.Option("--description", "-d")] = "",
    capability: Capability = None,
    complexity: Complexity = None,
    project: InProject = None,
    repository: InRepository = None,
    at_once: AtOnce = None,
    review: Reviewed = None,
    key: Annotated[bool, typer.Option("--key/--no-key", help="Make an API key as well.")] = True,
    as_json: Json = False,
) -> None:
    """Register an agent and make its API key, which is shown this once.

    \b
    Examples:
      nexus agent register Robo --kind claude-code
      nexus agent register Ferris -c rust -c backend --complexity 1-6 --project API --at-once 2
    """
    api = client()
    patch = _limits(api, capability, complexity, project, repository, at_once, review)
    body = models.AgentIn(
        name=name,
        kind=kind,
        description=description,
        capabilities=patch.capabilities,
        min_complexity=patch.min_complexity,
        max_complexity=patch.max_complexity,
        projects=patch.projects,
        repositories=patch.repositories,
        max_tasks=patch.max_tasks,
        needs_review=patch.needs_review,
    )
    agent = api.register_agent(body)
    new = api.create_agent_key(agent.id, models.KeyIn(name="first key")) if key else None
    if as_json:
        print_json({"agent": agent, "secret": new.secret if new else None})
        return
    output().print(f"@{agent.handle} is registered.")
    if new:
        output().print(f"NEXUS_API_KEY={new.secret}")
        typer.echo("Write it down: it is not shown again.", err=True)


@app.command("update")
def update_agent(
    agent: Agent,
    name: Annotated[str | None, typer.Option()] = None,
    description: Annotated[str | None, typer.Option("--description", "-d")] = None,
    capability: Capability = None,
    complexity: Complexity = None,
    project: InProject = None,
    repository: InRepository = None,
    at_once: AtOnce = None,
    review: Reviewed = None,
    version: Annotated[
        int | None, typer.Option(help="Only if it is still at this version.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Change what an agent may take. Lists replace the list that was there.

    \b
    Examples:
      nexus agent update robo --complexity 1-8 --at-once 3
    """
    api = client()
    patch = _limits(api, capability, complexity, project, repository, at_once, review)
    patch.name = UNSET if name is None else name
    patch.description = UNSET if description is None else description
    updated = api.update_agent(agent, patch, if_match=version)
    print_json(updated) if as_json else _print_agent(updated)


@app.command("remove")
def remove_agent(agent: Agent, as_json: Json = False) -> None:
    """Remove an agent: its keys are dead at once, and what it holds is free.

    \b
    Examples:
      nexus agent remove robo
    """
    client().remove_agent(agent)
    print_json({"removed": agent}) if as_json else output().print("The agent is removed.")


@app.command("pause")
def pause_agent(
    agent: Annotated[str | None, typer.Argument(metavar="[AGENT]")] = None,
    everybody: Annotated[
        bool, typer.Option("--all", help="All agents, those that come later too.")
    ] = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Pause an agent, or all of them: no work, and their heartbeats tell them to stop.

    \b
    Examples:
      nexus agent pause robo -m "It breaks the build."
      nexus agent pause --all -m "We are under attack."
    """
    api, body = client(), models.PauseIn(reason=reason)
    if everybody:
        api.pause_agents(body)
        print_json({"paused": "all"}) if as_json else output().print("All agents are paused.")
        return
    paused = api.pause_agent(_named(agent), body)
    print_json(paused) if as_json else output().print(f"@{paused.handle} is {paused.status}.")


@app.command("resume")
def resume_agent(
    agent: Annotated[str | None, typer.Argument(metavar="[AGENT]")] = None,
    everybody: Annotated[
        bool, typer.Option("--all", help="All that are not paused each by itself.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Let an agent work again, or all of them.

    \b
    Examples:
      nexus agent resume robo
      nexus agent resume --all
    """
    api = client()
    if everybody:
        api.resume_agents()
        print_json({"resumed": "all"}) if as_json else output().print("Agents may work again.")
        return
    resumed = api.resume_agent(_named(agent))
    print_json(resumed) if as_json else output().print(f"@{resumed.handle} is {resumed.status}.")


@app.command("keys")
def list_agent_keys(
    agent: Agent,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List the API keys of an agent.

    \b
    Examples:
      nexus agent keys robo
    """
    api = client()
    page = api.list_agent_keys(api.get_agent(agent).id, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(
        ["ID", "PREFIX", "NAME", "LAST USED", "EXPIRES"],
        [
            (one.id, one.prefix, plain(one.name), one.last_used_at or "never", one.expires_at or "")
            for one in page.items
        ],
        empty="It has no key. 'nexus agent create-key AGENT NAME' makes one.",
        as_csv=as_csv,
    )
    print_more(page.next_cursor)


@app.command("create-key")
def create_agent_key(
    agent: Agent,
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="Such as tasks:claim (repeatable); all if not said.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="As 2027-01-01T00:00:00Z.")] = None,
    as_json: Json = False,
) -> None:
    """Make an API key for an agent. It is shown this once.

    \b
    Examples:
      nexus agent create-key robo "the runner on build-1" --scope tasks:read --scope tasks:claim
    """
    api = client()
    body = models.KeyIn(name=name, scopes=scope, expires_at=expires)
    new = api.create_agent_key(api.get_agent(agent).id, body)
    print_json(new) if as_json else _print_secret(new)


@app.command("rotate-key")
def rotate_agent_key(
    agent: Agent,
    key: KeyId,
    overlap: Annotated[int, typer.Option(min=0, help="Seconds that the old key stays good.")] = 0,
    as_json: Json = False,
) -> None:
    """Replace a key of an agent by a new one, which is shown this once.

    \b
    Examples:
      nexus agent rotate-key robo 0195... --overlap 600
    """
    api = client()
    new = api.rotate_agent_key(api.get_agent(agent).id, key, models.RotationIn(overlap_s=overlap))
    print_json(new) if as_json else _print_secret(new)


@app.command("revoke-key")
def revoke_agent_key(agent: Agent, key: KeyId, as_json: Json = False) -> None:
    """Revoke a key of an agent at once.

    \b
    Examples:
      nexus agent revoke-key robo 0195...
    """
    api = client()
    api.revoke_agent_key(api.get_agent(agent).id, key)
    print_json({"revoked": key}) if as_json else output().print("The key is revoked.")


app.command("show", hidden=True)(get_agent)
app.command("edit", hidden=True)(update_agent)


def _named(agent: str | None) -> str:
    return agent or fail("Say which agent, or --all for all of them.", 6)


def _limits(
    api: NexusClient,
    capability: list[str] | None,
    complexity: str | None,
    project: list[str] | None,
    repository: list[str] | None,
    at_once: int | None,
    review: bool | None,
) -> models.AgentPatch:
    patch = models.AgentPatch()
    if capability is not None:
        patch.capabilities = capability
    if complexity is not None:
        least, _, most = complexity.partition("-")
        if not (least.isdigit() and (most or least).isdigit()):
            fail("--complexity takes two numbers, as 1-5.", 6)
        patch.min_complexity, patch.max_complexity = int(least), int(most or least)
    if project is not None:
        patch.projects = [key.upper() for key in project]
    if repository is not None:
        patch.repositories = [find_repository(api, one).id for one in repository]
    if at_once is not None:
        patch.max_tasks = at_once
    if review is not None:
        patch.needs_review = review
    return patch


def _print_agent(agent: models.AgentOut) -> None:
    totals = agent.totals
    states = ", ".join(f"{count} {state}" for state, count in sorted(totals.by_state.items()))
    print_facts(
        {
            "Agent": f"@{agent.handle}  {plain(agent.name)}",
            "Kind": agent.kind,
            "Status": agent.status,
            "Paused": plain(agent.pause_reason or "") or ("yes" if agent.paused_at else ""),
            "Seen": since(agent.seen_at) if agent.seen_at else "never",
            "Works on": ", ".join(f"{run.task} ({run.state})" for run in agent.assignments),
            "Takes": ", ".join(agent.capabilities) or "any label",
            "Complexity": f"{agent.min_complexity} to {agent.max_complexity}",
            "Projects": ", ".join(agent.projects) or "all",
            "At once": str(agent.max_tasks),
            "Review": "always" if agent.needs_review else "as the project says",
            "Runs": f"{totals.runs}" + (f" ({states})" if states else ""),
            "Used": f"{totals.usage.tokens_in + totals.usage.tokens_out:,} tokens, "
            f"${totals.usage.cost:,.2f}",
            "Id": agent.id,
        }
    )


def _print_secret(new: models.NewKeyOut) -> None:
    output().print(new.secret)
    typer.echo("Write it down: it is not shown again.", err=True)
