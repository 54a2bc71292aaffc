"""What was deleted where, as a table for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

# By room, by what was deleted from it.
Receipt = dict[str, Mapping[str, int]]


@contextmanager
def receipt(title: str) -> Iterator[Receipt]:
    """What the body enters is printed at its end, also where that is an error."""
    deleted: Receipt = {}
    try:
        yield deleted
    finally:
        table = Table(title=title, title_justify="left")
        table.add_column("room")
        table.add_column("from")
        table.add_column("deleted", justify="right")
        for room, parts in deleted.items():
            for name, number in parts.items():
                table.add_row(room, name, f"{number:,}")
        if deleted:
            Console().print(table)
