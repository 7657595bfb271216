"""Claims and runs as the terminal shows them."""

from nexus.platform.cli import output, plain
from nexus.platform.facts import print_facts
from nexus_client import models


def print_claim(claim: models.ClaimOut) -> None:
    """The task to work on, what is known of it, and how to report."""
    task = claim.task
    if task is None:
        return
    console = output()
    console.print(f"[bold]{task.key}  {plain(task.title)}[/bold]")
    for text in (task.description, task.details):
        if text:
            console.print(f"\n{plain(text)}")
    if task.acceptance:
        console.print("\nIt is done when:")
        for item in task.acceptance:
            console.print(f"  {item.id}  {plain(item.text)}")
    for one in claim.earlier:
        console.print(f"\nEarlier, {plain(one.holder.name)}: {one.state}. {plain(one.reason)}")
    console.print(f"\n{plain(claim.reason)}")
    console.print(f"The lease lasts until {claim.expires_at}. To report:")
    console.print(f"  export NEXUS_RUN={claim.run_id} NEXUS_FENCE={claim.fence}")


def print_run(run: models.RunOut) -> None:
    used = run.usage.tokens_in + run.usage.tokens_out
    progress = "" if run.progress is None else f"{run.progress} %  "
    print_facts(
        {
            "Task": f"{run.task}  {plain(run.title)}",
            "By": f"{plain(run.holder.name)} ({run.holder.kind})",
            "State": run.state,
            "Why": plain(run.reason),
            "Progress": f"{progress}{plain(run.note)}".strip(),
            "Summary": plain(run.summary),
            "Claimed": run.claimed_at,
            "Sign of life": run.heartbeat_at,
            "Lease until": run.expires_at or "" if run.is_live else "",
            "Ended": run.ended_at or "",
            "Used": f"{used:,} tokens, ${run.usage.cost:,.2f}" if used or run.usage.cost else "",
            "Fence": str(run.fence),
            "Id": run.id,
        }
    )
