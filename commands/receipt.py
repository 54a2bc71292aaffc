"""What was deleted where, as a table for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from core.warehouse.audit import Audit, Counts, audited
from core.warehouse.connection import Warehouse


@contextmanager
def receipt(warehouse: Warehouse, command: str, subject: str, title: str) -> Iterator[Audit]:
    """What the body enters is kept in `raw.audit`, and printed at its end, also where that is an
    error.

    Args:
        warehouse: where; its schema is of this version.
        command: as `raw.audit` names it.
        subject: likewise.
        title: of the receipt.
    """
    with audited(warehouse, command, subject) as audit:
        try:
            yield audit
        finally:
            print_counts(audit.deleted, title)
    print(f"Kept in raw.audit as number {audit.number}.")


def print_counts(counts: Counts, title: str, verb: str = "deleted") -> None:
    """A table of rows by room and place; nothing where there are none."""
    print(title)
    table = Table()
    table.add_column("room")
    table.add_column("from")
    table.add_column(verb, justify="right")
    for room, parts in counts.items():
        for name, number in parts.items():
            table.add_row(room, name, f"{number:,}")
    if counts:
        Console().print(table)
