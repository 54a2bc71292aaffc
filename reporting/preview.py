"""What a built relation looks like: how many rows, and the first of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ingestion.days import DayRange
from ingestion.relation import count, read
from ingestion.warehouse import Warehouse

PREVIEW_ROWS = 5
DAY_COLUMNS = ("event_date", "ingest_date")


def rows_and_preview(warehouse: Warehouse, node: Any, days: DayRange) -> tuple[int, str] | None:
    """A dbt model's number of rows of some UTC days, and the first as Markdown; all rows of a model
    that has no days.

    None for the views between staging and facts: counting those would build the facts once more.
    """
    if node.schema == "intermediate" and node.config.materialized == "view":
        return None
    column = next((name for name in DAY_COLUMNS if name in node.columns), None)
    relation = f"{node.schema}.{node.alias}"
    rows = read(warehouse, relation, column, days, PREVIEW_ROWS)
    return count(warehouse, relation, column, days), markdown(rows)


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a table."""
    if not rows:
        return "no rows"
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
