"""What dbt has built, as Dagster's materializations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from core.days import DayRange
from core.warehouse.relation import Where
from orchestration.dbt.cells import Regions
from orchestration.dbt.lineage import column_lineage
from orchestration.dbt.preview import rows_and_preview
from orchestration.dbt.translator import asset_key_of

ROWS = "dagster/row_count"


@dataclass(frozen=True)
class Built:
    """A model that dbt has built."""

    unique_id: str
    key: dg.AssetKey
    # How long it took, what its columns are made of, its rows in all, the first of them.
    metadata: dict[str, Any]
    # How many rows each partition has; None where the model has no days, or is not counted.
    rows: Counter[str] | None

    def materialization(self, context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        """The materialization of the run's partitions, each with its number of rows."""
        if self.rows is not None:
            for partition in context.partition_keys:
                rows = {ROWS: self.rows[partition]}
                context.add_asset_metadata(rows, self.key, partition)
        return dg.MaterializeResult(asset_key=self.key, metadata=self.metadata)

    def note_cells(self, context: dg.AssetExecutionContext, cells: Sequence[str]) -> None:
        """Note that cells were built along with the days of a run."""
        rows = self.rows or Counter()
        for cell in cells:
            metadata = self.metadata | {ROWS: rows[cell]}
            context.log_event(dg.AssetMaterialization(self.key, metadata=metadata, partition=cell))


def built(result: Any, where: Where, days: DayRange, regions: Regions) -> Built:
    """What one of dbt's results has built.

    Args:
        result: of a model.
        where: the warehouse, or an open connection to it.
        days: the UTC days whose rows are counted.
        regions: which cells those rows are of.
    """
    key = asset_key_of(result.node.unique_id)
    metadata: dict[str, Any] = {
        "dagster/column_lineage": _lineage(result.node),
        "seconds": round(result.execution_time, 2),
    }
    shown = rows_and_preview(where, result.node, days)
    if shown is None:
        return Built(result.node.unique_id, key, metadata, None)
    counts, preview = shown
    metadata[ROWS] = sum(counts.values())
    metadata["preview"] = dg.MetadataValue.md(preview)
    rows = None if () in counts else _by_partition(counts, regions)
    return Built(result.node.unique_id, key, metadata, rows)


def _by_partition(counts: Mapping[tuple[str, ...], int], regions: Regions) -> Counter[str]:
    """Several regions are one partition, `other`."""
    rows: Counter[str] = Counter()
    for values, number in counts.items():
        rows[regions.partition(*values)] += number
    return rows


def _lineage(node: Any) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {
            # Several tables are one asset, raw/ledger; the same column of two of them is one dep.
            column: [
                dg.TableColumnDep(key, name)
                for key, name in sorted({(asset_key_of(origin), name) for origin, name in origins})
            ]
            for column, origins in column_lineage(node).items()
        }
    )
