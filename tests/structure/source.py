"""The project's Python files, by room, parsed."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# From the top down: what a room may import stands below it.
FLOORS = (
    ("commands",),
    ("orchestration",),
    ("reporting", "ml", "alerts"),
    ("transform", "ingestion"),
    ("core",),
)
HOUSE = tuple(room for floor in FLOORS for room in floor)


@dataclass(frozen=True)
class Source:
    """One Python file."""

    path: Path

    @property
    def name(self) -> str:
        """Where it is, from the project's root."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def room(self) -> str:
        """The folder that it lies in, such as `ingestion/source`."""
        return self.path.parent.relative_to(ROOT).as_posix()

    @property
    def module(self) -> str:
        """What others import it as."""
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @cached_property
    def text(self) -> str:
        """Its text."""
        return self.path.read_text()

    @cached_property
    def lines(self) -> list[str]:
        """Its lines."""
        return self.text.splitlines()

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of its syntax tree."""
        return list(ast.walk(ast.parse(self.text)))

    def imports(self) -> list[str]:
        """The dotted names that it imports, also inside of functions: modules, and what is taken
        from them, which may be modules too."""
        found: list[str] = []
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                found += [f"{node.module}.{alias.name}" for alias in node.names]
        return found


def sources(*folders: str) -> list[Source]:
    """The Python files below some folders of the project."""
    return [Source(path) for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
