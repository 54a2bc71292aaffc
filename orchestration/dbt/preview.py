"""What a built relation looks like: how many rows, and the first of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from core.days import DayRange, monday_of
from core.warehouse.relation import Days, Where, counts, read
from transform.project import VIEWS

PREVIEW_ROWS = 5
WEEK_COLUMN = "week_start"
DAY_COLUMNS = ("event_date", "ingest_date", WEEK_COLUMN)


def rows_and_preview(
    where: Where, node: Any, days: DayRange
) -> tuple[dict[tuple[str, ...], int], str] | None:
    """How many rows each of some UTC days has in a dbt model, or each cell where it has cells, and
    the first rows as Markdown; of a model without days all rows, under `()`.

    None for the views between staging and facts: counting those would build the facts once more.
    """
    if node.schema == "intermediate" and node.config.materialized in VIEWS:
        return None
    relation = f"{node.schema}.{node.alias}"
    columns = counted_by(node.columns, node.config.get("cell_column"))
    shown = days.whole_weeks if columns[:1] == [WEEK_COLUMN] else days
    rows = read(where, relation, columns[0] if columns else None, shown, PREVIEW_ROWS)
    return counts(where, relation, columns, days_counted(columns, days)), markdown(rows)


def counted_by(columns: Collection[str], cell_column: str | None) -> list[str]:
    """By which of its columns a model's rows are those of partitions: the day, and the region where
    it has cells; none where it has no days."""
    day_column = next((name for name in DAY_COLUMNS if name in columns), None)
    return [name for name in (day_column, cell_column) if name]


def days_counted(columns: Sequence[str], days: Days) -> Days:
    """The days whose rows are counted: those themselves, or the Mondays of their weeks."""
    return sorted({*map(monday_of, days)}) if columns[:1] == [WEEK_COLUMN] else days


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a table."""
    if not rows:
        return "no rows"
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def values(table: str, column: str) -> list[str]:
    """What the rows of a table that `markdown` has written have in a column; nothing where there is
    no such column. Of a row with a bar in one of its values, all of them."""
    lines = [line.removeprefix("| ").removesuffix(" |") for line in table.splitlines()]
    head, *rows = [line.split(" | ") for line in lines]
    if column not in head:
        return []
    at = head.index(column)
    return [cell for row in rows for cell in (row[at : at + 1] if len(row) == len(head) else row)]
