"""Which of a run's days a dbt test failed for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.warehouse.relation import Where, distinct_values
from orchestration.dbt.preview import DAY_COLUMNS


def passed_by_partition(where: Where, result: Any, partitions: Sequence[str]) -> dict[str, bool]:
    """A test's result for each partition: one bad day does not hold up the others.

    Args:
        where: where the test ran, or an open connection to it.
        result: dbt's of one test (Any: dbt's types are not public).
        partitions: UTC days, or cells that begin with theirs.

    Returns:
        By partition, whether the test passed. One that could not run, or whose rows do not all say
        their day, fails for all.
    """
    if result.status == "pass":
        return dict.fromkeys(partitions, True)
    if result.status == "error":  # its query does not run, here neither
        return dict.fromkeys(partitions, False)
    bad = distinct_values(where, result.node.compiled_code, DAY_COLUMNS)
    if not bad or None in bad:
        return dict.fromkeys(partitions, False)
    return {key: key.split("|")[0] not in bad for key in partitions}
