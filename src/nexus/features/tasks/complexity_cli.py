"""The complexity of tasks on the command line."""

from typing import Annotated

import typer

from nexus.platform.cli import (
    Json,
    client,
    complete_tasks,
    output,
    plain,
    print_json,
    print_table,
    word,
)
from nexus_client import models

app = typer.Typer(rich_markup_mode=None)


@app.command("complexity")
def explain_complexity(
    task: Annotated[
        str | None, typer.Argument(metavar="[TASK]", autocompletion=complete_tasks)
    ] = None,
    as_json: Json = False,
) -> None:
    """Say why a task is estimated as it is; without one, how well estimates came true.

    \b
    Examples:
      nexus task complexity API-42
      nexus task complexity
    """
    if task is None:
        model = client().get_complexity_model()
        print_json(model) if as_json else _print_model(model)
        return
    found = client().explain_complexity(task)
    print_json(found) if as_json else _print_complexity(found)


def _print_complexity(found: models.ComplexityOut) -> None:
    console = output()
    said = "set by hand" if found.complexity_manual else "as it was given"
    is_said = found.complexity_manual or found.complexity_given
    console.print(
        f"[bold]{found.task}[/bold]  complexity {found.complexity or found.estimate}"
        f" ({said}; the estimate is {found.estimate})"
        if is_said
        else f"[bold]{found.task}[/bold]  complexity {found.estimate} (estimated)"
    )
    print_table(
        ["BECAUSE OF", "VALUE", "WEIGHT", "POINTS"],
        [
            (plain(word(one.name)), f"{one.value:.2f}", f"{one.weight:+.2f}", f"{one.points:+.2f}")
            for one in found.factors
        ],
        empty="",
    )
    if found.error is None:
        console.print("Nothing is learned yet: that takes 12 finished tasks.")
    else:
        console.print(
            f"Estimates of {found.samples} finished tasks were off by {found.error:.1f} on average."
        )
    if found.expected:
        console.print(f"Such tasks took {_effort(found.expected)}.")
    if found.similar:
        console.print("Most like it:")
        for one in found.similar:
            console.print(f"  {one.task}  {plain(one.title)}: {_effort(one)}")


def _print_model(model: models.ComplexityModelOut) -> None:
    found = model.calibration
    print_table(
        ["TRAIT", "WEIGHT", "AT FIRST"],
        [
            (plain(word(one.name)), f"{one.weight:+.2f}", f"{one.prior:+.2f}")
            for one in model.weights
        ],
        empty="",
    )
    if found is None:
        output().print("Nothing is learned yet: that takes 12 finished tasks.")
        return
    output().print(
        f"Estimates of {found.samples} finished tasks were off by {found.error:.1f} on average "
        f"({found.prior_error:.1f} before learning, {found.naive_error:.1f} by guessing)."
    )
    print_table(
        ["ESTIMATE", "TASKS", "TURNED OUT", "", "TIME", "ATTEMPTS", "TOKENS"],
        [
            (
                str(one.complexity),
                str(one.tasks),
                f"{one.measured:.1f}",
                "#" * round(2 * one.measured),
                _time(one.seconds),
                f"{one.attempts:.1f}",
                f"{one.tokens:,}" if one.tokens else "",
            )
            for one in found.took
        ],
        empty="",
    )


def _effort(one: models.TookOut | models.PastTaskOut) -> str:
    attempts = "" if one.attempts <= 1 else f", {one.attempts:.3g} attempts"
    tokens = f", {one.tokens:,} tokens" if one.tokens else ""
    return f"{_time(one.seconds)}{attempts}{tokens}"


def _time(seconds: int) -> str:
    if seconds < 5400:
        return f"{max(1, round(seconds / 60))} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"
