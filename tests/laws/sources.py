"""The program's own source files, parsed."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
GENERATED = {"nexus_client/models.py", "nexus_client/client.py"}


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file. `name` is its path below src/."""

    name: str
    text: str
    tree: ast.Module

    @property
    def feature(self) -> str | None:
        """The feature that the file belongs to."""
        parts = self.name.split("/")
        return parts[2] if parts[:2] == ["nexus", "features"] and len(parts) > 3 else None

    @property
    def room(self) -> str:
        return Path(self.name).stem

    def calls_of(self, *names: str) -> Iterator[ast.Call]:
        """Calls of a method with one of these names, on whatever."""
        for node in ast.walk(self.tree):
            is_method = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            if is_method and node.func.attr in names:
                yield node

    def classes(self) -> Iterator[ast.ClassDef]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef))

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        kinds = ast.FunctionDef | ast.AsyncFunctionDef
        return (node for node in ast.walk(self.tree) if isinstance(node, kinds))


@cache
def sources() -> tuple[Source, ...]:
    """All files that people write; migrations and the generated client are not among them."""
    found: list[Source] = []
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        if name in GENERATED or "migrations/versions" in name:
            continue
        text = path.read_text()
        found.append(Source(name=name, text=text, tree=ast.parse(text)))
    return tuple(found)
