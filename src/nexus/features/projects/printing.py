"""Projects as the terminal shows them."""

from collections import defaultdict

from rich.console import Console
from rich.table import Table

from nexus.platform.cli import output, paged, plain, word
from nexus_client import models

FIRST, LATER = "Waits for nothing", "After that"


def print_graph(graph: models.ProjectGraphOut) -> None:
    """The layers from top to bottom, each task in a line with what it waits for."""
    console = output()
    if not graph.nodes:
        console.print(f"{graph.project} has no open task.")
        return
    nodes = {node.key: node for node in graph.nodes}
    layers = [[nodes[one] for one in layer if one in nodes] for layer in graph.layers]
    with paged(console, len(nodes) + 2 * len(layers) + 3):
        console.print(_heading(graph))
        for number, layer in enumerate(layers):
            console.print(f"\n[bold]{number + 1}  {LATER if number else FIRST}[/bold]")
            _print_layer(console, graph, layer)
        if graph.left_out:
            console.print(f"\n{graph.left_out} more tasks were too many to show.")


def _heading(graph: models.ProjectGraphOut) -> str:
    tasks = _counted(len(graph.nodes), "task")
    layers = _counted(len(graph.layers), "layer")
    if not graph.critical_path:
        return f"{graph.project}: {tasks} in {layers}; none waits for another one."
    path = _counted(len(graph.critical_path), "task")
    return f"{graph.project}: {tasks} in {layers}. The critical path (*) is {path} long."


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _print_layer(
    console: Console, graph: models.ProjectGraphOut, layer: list[models.GraphNodeOut]
) -> None:
    needs: defaultdict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        needs[edge.task].append(edge.needs)
    table = Table(box=None, show_header=False, pad_edge=False, expand=console.is_terminal)
    table.add_column(no_wrap=True, min_width=max(len(node.key) for node in graph.nodes) + 4)
    table.add_column(no_wrap=True, min_width=max(len(node.status) for node in graph.nodes))
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column(overflow="fold", max_width=_needs_width(console))
    for node in sorted(layer, key=lambda one: not one.is_critical):
        table.add_row(
            f"  {'*' if node.is_critical else ' '} {node.key}",
            word(node.status),
            f"[bold]{plain(node.title)}[/bold]" if node.is_critical else plain(node.title),
            f"needs {', '.join(needs[node.key])}" if needs[node.key] else "",
        )
    console.print(table)


def _needs_width(console: Console) -> int | None:
    return max(24, console.width // 4) if console.is_terminal else None
