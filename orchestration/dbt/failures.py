"""Which of a run's days a dbt test failed for."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from psycopg2 import sql

from core.warehouse.connection import Warehouse
from orchestration.dbt.preview import DAY_COLUMNS


def passed_by_partition(
    warehouse: Warehouse, result: Any, partitions: Sequence[str]
) -> dict[str, bool]:
    """A test's result for each partition: one bad day does not hold up the others.

    Args:
        warehouse: where the test ran.
        result: dbt's of one test.
        partitions: UTC days, or cells that begin with theirs.

    Returns:
        By partition, whether the test passed. One that could not run, or whose rows do not all say
        their day, fails for all.
    """
    if result.status == "pass":
        return dict.fromkeys(partitions, True)
    # "error": its query does not run, here neither.
    bad = set() if result.status == "error" else _days_of_rows(warehouse, result.node)
    return {key: bool(bad) and key.split("|")[0] not in bad for key in partitions}


def _days_of_rows(warehouse: Warehouse, node: Any) -> set[str]:
    found = sql.SQL("({}) as found").format(sql.SQL(node.compiled_code))
    with closing(warehouse.connect()) as db, db.cursor() as cursor:
        cursor.execute(sql.SQL("select * from {} limit 0").format(found))
        names = [column.name for column in cursor.description or ()]
        column = next((name for name in DAY_COLUMNS if name in names), None)
        if column is None:
            return set()
        days = sql.SQL("select distinct {}::text from {}").format(sql.Identifier(column), found)
        cursor.execute(days)
        found_days = {day for (day,) in cursor.fetchall()}
        return set() if None in found_days else found_days
