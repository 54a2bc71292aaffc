"""Which tests are to notice a fault in a file: README's table *feature, file, test*."""

from __future__ import annotations

import re
from pathlib import Path

UNIT_TESTS_OF_DBT = "tests/integration/test_dbt_alone.py"
# Slow, and no unit: what they would notice, others have to.
LEFT_OUT = ("tests/proof", "tests/outside", "tests/examples", "tests/e2e/test_ui.py")


def table(root: Path) -> list[tuple[set[str], set[str]]]:
    """The rows: files, or folders with a slash at the end, and test files."""
    rows = []
    for line in (root / "README.md").read_text().splitlines():
        cells = line.split(" | ")
        if line.startswith("| ") and len(cells) == 3:
            files = {path for path in named(root, cells[1]) if not path.startswith("docs/")}
            tests = {path for path in named(root, cells[2]) if path.startswith("tests/")}
            if "unit test" in cells[2]:
                tests.add(UNIT_TESTS_OF_DBT)
            kept = {path for path in tests if not path.startswith(LEFT_OUT)}
            rows.append((files, kept))
    return rows


def named(root: Path, cell: str) -> list[str]:
    """The paths of a cell. One without a folder lies in a folder that was named before it."""
    found: list[str] = []
    for name in re.findall(r"`([^`\s]+)`", cell):
        folders = [Path(path).parent for path in reversed(found)]
        places = [Path(name), *(folder / name for folder in folders)]
        there = [place for place in places if (root / place).exists()]
        if there:
            found.append(there[0].as_posix() + ("/" if (root / there[0]).is_dir() else ""))
    return found


def tests_of(path: Path, rows: list[tuple[set[str], set[str]]]) -> list[str]:
    """The tests of the rows that name the file; else of those with files in its folder or above."""
    name = path.as_posix()
    exact = [tests for files, tests in rows if name in files]
    for folder in path.parents:
        if any(exact):
            break
        inside = f"{folder.as_posix()}/"
        exact = [tests for files, tests in rows if any(file.startswith(inside) for file in files)]
    return sorted(set().union(*exact))
