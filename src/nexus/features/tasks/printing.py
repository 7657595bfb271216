"""Tasks as the terminal shows them."""

from rich.console import Console

from nexus.platform.cli import output, paged, plain, print_json, print_table, since, word
from nexus_client import models


def print_tasks(page: models.TaskPage, *, empty: str, as_csv: bool = False) -> None:
    print_table(
        ["KEY", "TITLE", "STATUS", "PRIORITY", "UNLOCKS", "WAITS FOR", "LABELS", "ASSIGNEES"],
        [
            (
                task.key,
                plain(task.title),
                word(task.status),
                word(task.priority),
                str(task.unlock_count or ""),
                _waits_for(task),
                plain(", ".join(task.labels)),
                plain(", ".join(one.handle for one in task.assignees)),
            )
            for task in page.items
        ],
        empty=empty,
        as_csv=as_csv,
    )
    if not as_csv:
        _print_highlights(page)


def _print_highlights(page: models.TaskPage) -> None:
    """Where a search has found its words, beside the titles, in which they are seen."""
    for task in page.items:
        for found in task.highlights:
            if found.field_ not in {"key", "title"}:
                piece = _marked(found).replace("\n", " ")
                output().print(f"[dim]{task.key} {found.field_}:[/dim] {piece}")


def _marked(found: models.HighlightOut) -> str:
    parts: list[str] = []
    end = 0
    for start, stop in found.ranges:
        parts += [plain(found.text[end:start]), f"[bold]{plain(found.text[start:stop])}[/bold]"]
        end = stop
    return "".join([*parts, plain(found.text[end:])])


def _waits_for(task: models.TaskSummaryOut) -> str:
    waiting = [one.key for one in task.dependencies if one.status not in {"done", "cancelled"}]
    if inherited := task.open_dependencies - len(waiting):
        waiting.append(f"{inherited} of its parent")
    if task.open_subtasks:
        waiting.append(f"{task.open_subtasks} subtask{'s' if task.open_subtasks > 1 else ''}")
    return ", ".join(waiting)


def print_task(task: models.TaskOut) -> None:
    """A whole task; through the pager where it is longer than the terminal."""
    console = output()
    texts = (task.description, task.details, task.test_strategy)
    with paged(console, 20 + sum(text.count("\n") + len(text) // 80 for text in texts)):
        _print_task(console, task)


def _print_task(console: Console, task: models.TaskOut) -> None:
    console.print(f"[bold]{task.key}  {plain(task.title)}[/bold]")
    facts = {
        "Status": word(task.status) + ("  (ready)" if task.is_ready else ""),
        "Priority": word(task.priority),
        "Complexity": str(task.complexity or ""),
        "Parent": f"{task.parent.key}  {plain(task.parent.title)}" if task.parent else "",
        "Labels": plain(", ".join(task.labels)),
        "Assignees": plain(", ".join(f"{one.name} (@{one.handle})" for one in task.assignees)),
        "Due": task.due_on or "",
        "Comes again": _recurrence(task.recurrence),
        "Unlocks": f"{task.unlock_count} tasks" if task.unlock_count else "",
        "Version": f"{task.version}, changed {since(task.updated_at)}",
    }
    for name, value in facts.items():
        if value:
            console.print(f"{name + ':':<12} {value}")
    print_briefs("Waits for", task.dependencies)
    if task.links:
        console.print("\n[bold]Links[/bold]")
        for link in task.links:
            to = f"{link.task.key}  {link.task.title}" if link.task else link.url or ""
            console.print(f"  {link.kind}: {plain(to)}  {plain(link.title)}".rstrip())
    if task.custom:
        console.print("\n[bold]Fields[/bold]")
        for name, value in task.custom.items():
            console.print(f"  {plain(name)}: {plain(str(value))}")
    if task.acceptance:
        console.print("\n[bold]Done when[/bold]")
        for number, item in enumerate(task.acceptance, start=1):
            console.print(f"  {number}. {'✓' if item.is_met else '·'} {plain(item.text)}")
    for heading, text in (
        ("Description", task.description),
        ("Details", task.details),
        ("Test strategy", task.test_strategy),
    ):
        if text:
            console.print(f"\n[bold]{heading}[/bold]\n{plain(text)}")


def _recurrence(one: models.RecurrenceOut | None) -> str:
    if one is None:
        return ""
    when = f", next on {one.next_on}" if one.next_on else ", when it is finished"
    return f"{plain(one.rule)}{when}"


def print_briefs(heading: str, tasks: list[models.TaskBriefOut]) -> None:
    if tasks:
        output().print(f"\n[bold]{heading}[/bold]")
    for one in tasks:
        output().print(f"  {one.key}  {plain(one.title)}  ({word(one.status)})")


def done(task: models.TaskOut, as_json: bool, sentence: str) -> None:
    print_json(task) if as_json else output().print(plain(sentence))
