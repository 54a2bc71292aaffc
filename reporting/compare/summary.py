"""What a comparison has found, for a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from reporting.compare.findings import Comparison
from reporting.compare.markdown import headline, told

WIDTH = 100  # of a line
_SHOWN = 20


def print_summary(found: Comparison, *, to_stderr: bool = False) -> None:
    """One line, and a table of the reasons."""
    console = Console(stderr=to_stderr, width=WIDTH, highlight=False)
    console.print(escape(f"{headline(found)}; {found.seconds:.1f} s"))
    for side, names in found.schema.only.items():
        if names:
            console.print(escape(f"only {side} has: {', '.join(names)}"))
    if not found.findings:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("reason", overflow="fold")
    table.add_column("side")
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("days", justify="right", no_wrap=True)
    for each in found.findings[:_SHOWN]:
        rows, days = f"{each.rows:,}", f"{len(each.days):,}"
        table.add_row(escape(told(each)), each.side, rows, days)
    console.print(table)
    if len(found.findings) > _SHOWN:
        console.print(f"and {len(found.findings) - _SHOWN} more")
