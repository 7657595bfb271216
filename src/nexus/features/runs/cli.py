"""Claims and runs on the command line, for whoever does the work."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn, cast

import msgspec
import typer
from msgspec import UNSET

from nexus.features.runs.printing import print_claim, print_run
from nexus.platform.cli import Json, client, fail, group, output, plain, print_json
from nexus_client import models

RunId = Annotated[
    str,
    typer.Option(
        "--run", envvar="NEXUS_RUN", help="The run, as the claim returned it.", show_default=False
    ),
]
Reason = Annotated[str, typer.Option("--reason", "-m", help="Why, for others to read.")]

app = group("run", "Report on the work that you have claimed, and look at runs.")


def claim_task(
    task: Annotated[
        str | None, typer.Argument(metavar="[TASK]", help="Its key; the next one if not said.")
    ] = None,
    agent: Annotated[
        str | None, typer.Option(help="Who it is for; an agent leaves it out.")
    ] = None,
    lease: Annotated[
        int, typer.Option(min=1, max=86_400, help="Seconds until it needs a sign of life.")
    ] = 900,
    wait: Annotated[
        float, typer.Option(min=0, max=60, help="Seconds to wait until something is ready.")
    ] = 0,
    overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="Though somebody works on the same files.")
    ] = False,
    shell: Annotated[
        bool, typer.Option("--shell", help="Print NEXUS_RUN and NEXUS_FENCE for 'eval'.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take a task, or the next one that fits; nobody else can hold it then.

    Exit code 5: somebody else has it, or it cannot be taken; 4: there is nothing to take.

    \b
    Examples:
      nexus claim --wait 60
      eval "$(nexus claim --shell)" && nexus run progress "Reading the code" --percent 5
      nexus claim API-42 --agent robo
    """
    body = models.ClaimIn(task=task, agent=agent, lease_s=lease, wait_s=wait, allow_overlap=overlap)
    claim = client(timeout_s=wait + 60).claim_task(body)
    if as_json:
        print_json(claim)
    if claim.run_id is None:
        _nothing(claim, as_json=as_json)
    elif shell:
        run, fence = shlex.quote(claim.run_id), claim.fence
        typer.echo(f"export NEXUS_RUN={run} NEXUS_FENCE={fence}")
    elif not as_json:
        print_claim(claim)


@app.command("heartbeat")
def heartbeat_run(
    run: RunId,
    lease: Annotated[
        int | None, typer.Option(min=1, max=86_400, help="Another length, in seconds.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say that you are alive: the lease lasts anew. Exit code 5 where you have lost it.

    \b
    Examples:
      nexus run heartbeat
      while sleep 300; do nexus run heartbeat || break; done &
    """
    pulse = client().heartbeat_run(run, models.HeartbeatIn(lease_s=lease))
    if as_json:
        print_json(pulse)
    elif pulse.must_stop:
        output().print(f"Stop: {plain(pulse.stop_reason or '')}")
    else:
        output().print(f"The lease lasts until {pulse.expires_at}.")


@app.command("progress")
def progress_run(
    note: Annotated[str, typer.Argument(help="What you are at.")],
    run: RunId,
    percent: Annotated[int | None, typer.Option(min=0, max=100)] = None,
    as_json: Json = False,
) -> None:
    """Say how far it is.

    \b
    Examples:
      nexus run progress "Tests are written" --percent 60
    """
    now = client().progress_run(run, models.ProgressIn(note=note, progress=percent))
    print_json(now) if as_json else output().print(f"{now.task}: {plain(now.note)}")


@app.command("output")
def log_run(
    run: RunId,
    file: Annotated[
        Path | None, typer.Argument(help="What to send; standard input if not said.")
    ] = None,
    errors: Annotated[bool, typer.Option("--errors", help="They are lines of errors.")] = False,
    as_json: Json = False,
) -> None:
    """Send lines to the run's log, as they come.

    \b
    Examples:
      make test 2>&1 | nexus run output
      nexus run output build.log --errors
    """
    api, kind = client(), "error" if errors else "output"
    dropped = last = 0
    with file.open(encoding="utf-8", errors="replace") if file else sys.stdin as lines:
        batch: list[models.LineIn] = []
        for line in lines:
            text = line.rstrip("\n").replace("\x00", "")[:4000]
            batch.append(models.LineIn(text=text, kind=cast("Any", kind)))
            if len(batch) == 500:
                logged = api.log_run(run, models.LogIn(lines=batch))
                last, dropped = logged.last, dropped + logged.dropped
                batch = []
        if batch:
            logged = api.log_run(run, models.LogIn(lines=batch))
            last, dropped = logged.last, dropped + logged.dropped
    if as_json:
        print_json({"last": last, "dropped": dropped})
    elif dropped:
        output().print(f"The log is full: {dropped} lines were dropped.")


@app.command("usage")
def use_run(
    run: RunId,
    tokens_in: Annotated[int, typer.Option(min=0)] = 0,
    tokens_out: Annotated[int, typer.Option(min=0)] = 0,
    cost: Annotated[float, typer.Option(min=0, help="US dollars.")] = 0,
    model: Annotated[str, typer.Option(help="What it was used for.")] = "",
    as_json: Json = False,
) -> None:
    """Report tokens and money since the last report. Exit code 5: a budget is used up.

    \b
    Examples:
      nexus run usage --tokens-in 12000 --tokens-out 900 --cost 0.12 --model opus
    """
    body = models.UsageIn(tokens_in=tokens_in, tokens_out=tokens_out, cost=cost, model=model)
    used = client().use_run(run, body)
    if as_json:
        print_json(used)
    if used.must_stop:
        fail(f"The lease has ended. {used.stop_reason}", 5)
    if not as_json:
        total = used.usage.tokens_in + used.usage.tokens_out
        output().print(f"{total:,} tokens and ${used.usage.cost:,.2f} so far.")


@app.command("ask")
def ask_run(
    question: Annotated[str, typer.Argument(help="What a person should say.")],
    run: RunId,
    option: Annotated[list[str] | None, typer.Option(help="An answer to choose from.")] = None,
    wait: Annotated[float, typer.Option(min=0, max=60, help="Seconds to wait for the answer.")] = 0,
    as_json: Json = False,
) -> None:
    """Ask a person, and wait a while for the answer.

    \b
    Examples:
      nexus run ask "Postgres 15 or 16?" --option 15 --option 16 --wait 60
    """
    api = client(timeout_s=wait + 60)
    asked = api.ask_run(run, models.QuestionIn(text=question, options=option or []))
    if wait:
        asked = api.get_run_question(run, asked.id, wait=cast("Any", wait))
    if as_json:
        print_json(asked)
    else:
        output().print(plain(asked.answer) if asked.answer else f"Asked: {asked.id}")


@app.command("submit")
def submit_run(
    summary: Annotated[str, typer.Argument(help="What was done.")],
    run: RunId,
    evidence: Annotated[
        str | None,
        typer.Option(help="JSON: a list of {kind, item, ...}; '@FILE' reads it from a file."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say that the task is done, with evidence for each acceptance item.

    \b
    Examples:
      nexus run submit "Retries are in" --evidence '[{"kind": "commit", "sha": "3f2a91c"}]'
      nexus run submit "Done" --evidence @evidence.json
    """
    body = models.SubmissionIn(summary=summary, evidence=_evidence(evidence))
    done = client().submit_run(run, body)
    print_json(done) if as_json else print_run(done)


@app.command("release")
def release_run(run: RunId, reason: Reason = "", as_json: Json = False) -> None:
    """Give the task back, not done.

    \b
    Examples:
      nexus run release -m "It needs a decision first."
    """
    released = client().release_run(run, models.ReasonIn(reason=reason))
    print_json(released) if as_json else print_run(released)


@app.command("fail")
def fail_run(
    reason: Annotated[str, typer.Argument(help="Why it did not work out.")],
    run: RunId,
    final: Annotated[
        bool, typer.Option("--final", help="Another agent would fail too: people have to look.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say that it did not work out.

    \b
    Examples:
      nexus run fail "The API key of the test system is missing." --final
    """
    failed = client().fail_run(run, models.FailureIn(reason=reason, is_final=final))
    print_json(failed) if as_json else print_run(failed)


def _nothing(claim: models.ClaimOut, *, as_json: bool) -> NoReturn:
    for one in () if as_json else claim.passed_over:
        output().print(f"{one.task}: {plain(one.reason)}")
    fail(claim.reason, 4)


def _evidence(given: str | None) -> Any:
    if given is None:
        return UNSET
    if given.startswith("@"):
        try:
            given = Path(given[1:]).read_text(encoding="utf-8")
        except OSError as error:
            fail(f"The evidence cannot be read: {error}", 6)
    try:
        return msgspec.json.decode(given, type=list[models.EvidenceIn])
    except msgspec.DecodeError as error:
        fail(f"--evidence is no list of evidence: {error}.", 6)
