"""The rules of the house that ruff does not know: `python -m tests.structure.rules`, by make lint.

Each limit is there to be reached by splitting what does two things, never by squeezing.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.structure.source import HOUSE, ROOT, Source, sources

CHECKED = (*HOUSE, "benchmarks", "tests")
FILE_LINES = 300
ORCHESTRATION_LINES = 200
FUNCTION_LINES = 40
MODEL_LINES = 60
# Of these libraries only what they document: the rest may change with any release.
PRIVATE = re.compile(r"(dagster|dagster_dbt|dagster_postgres|dbt|dlt)(\.\w+)*\._")
NOQA_OF_A_WALL = re.compile(r"#\s*noqa:[^#]*\bTID")
# How a statement begins and goes on. "Select the days from …" in a text for people is none.
SQL = re.compile(
    r"\s*(with\s+\w+\s+as\s*\(|select\b.*\bfrom\b|insert\s+into\b|update\s+\S+\s+set\b"
    r"|delete\s+from\b|(create|drop|alter|truncate)\s+(table|view|schema|index|database)\b)",
    re.IGNORECASE | re.DOTALL,
)


def broken() -> list[str]:
    """A line for each place that breaks a rule, as `file:line: what`."""
    found = [f"{name}: {what}" for name, what in too_long()]
    for source in sources(*CHECKED):
        found += [f"{source.name}:{line}: {what}" for line, what in in_file(source)]
    return found


def too_long() -> Iterator[tuple[str, str]]:
    """Files with more lines than theirs may have, and what to say of them."""
    for path in _files():
        name = path.relative_to(ROOT).as_posix()
        limit = FILE_LINES
        if name.startswith("orchestration/"):
            limit = ORCHESTRATION_LINES
        if name.startswith("dbt/models/") and path.suffix == ".sql":
            limit = MODEL_LINES
        lines = len(path.read_text().splitlines())
        if lines > limit:
            yield name, f"{lines} lines, at most {limit}"


def _files() -> Iterator[Path]:
    for source in sources(*CHECKED):
        yield source.path
    for folder in ("models", "macros", "tests"):
        yield from sorted((ROOT / "dbt" / folder).rglob("*.sql"))


def in_file(source: Source) -> Iterator[tuple[int, str]]:
    """What breaks a rule in a file, by line."""
    for number, line in enumerate(source.lines, 1):
        if NOQA_OF_A_WALL.search(line):
            yield number, "a wall between rooms has no exception"
    for node in source.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _of_function(node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from _of_import(node)
    if source.name.startswith("orchestration/"):
        yield from _of_orchestration(source)


def _of_function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[int, str]]:
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if lines > FUNCTION_LINES:
        yield node.lineno, f"{node.name} has {lines} lines, at most {FUNCTION_LINES}"


def _of_import(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[int, str]]:
    module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
    for alias in node.names:
        if PRIVATE.match(module + alias.name):
            yield node.lineno, f"{module}{alias.name} is private"


def _of_orchestration(source: Source) -> Iterator[tuple[int, str]]:
    docstrings = {node.value for node in source.nodes if isinstance(node, ast.Expr)}
    for node in source.nodes:
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and node not in docstrings and SQL.match(node.value):
            yield node.lineno, "SQL belongs to dbt/, core/warehouse/ or ingestion/land/"
        if isinstance(node, ast.Assign) and _is_squeezed(node):
            yield node.lineno, "one statement a line: these assignments have nothing in common"


def _is_squeezed(node: ast.Assign) -> bool:
    """`a, b = x, y`; a swap or a step, `a, b = b, a + b`, is one statement."""
    target = node.targets[0]
    if not (isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)):
        return False
    return not _names(target) & _names(node.value)


def _names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


if __name__ == "__main__":
    lines = broken()
    print("\n".join(lines) or "rules: nothing is broken")
    sys.exit(bool(lines))
