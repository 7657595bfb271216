"""What is known of one thing, a fact in a line."""

import textwrap
from collections.abc import Mapping

from nexus.platform.cli import output, plain


def print_facts(facts: Mapping[str, str]) -> None:
    """Names to the left, values below each other to the right; a fact without a value is none."""
    console = output()
    indent = " " * (max(map(len, facts)) + 2)
    for name, value in facts.items():
        if not value:
            continue
        line = f"{name + ':':<{len(indent)}}{value}"
        if console.is_terminal:
            line = textwrap.fill(
                line, console.width, subsequent_indent=indent, break_on_hyphens=False
            )
        console.print(plain(line))
