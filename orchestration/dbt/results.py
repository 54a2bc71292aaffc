"""What dbt has built, as Dagster's materializations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from core.days import DayRange
from core.warehouse.relation import Days, Where, counts
from orchestration.dbt.cells import Regions
from orchestration.dbt.lineage import column_lineage
from orchestration.dbt.preview import counted_by, days_counted, rows_and_preview
from orchestration.dbt.translator import asset_key_of
from transform.project import manifest

ROWS = "dagster/row_count"
INVOCATION = "invocation_id"  # of dbt, in the metadata of what it has built


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

    def note_along(self, context: dg.AssetExecutionContext, partitions: Sequence[str]) -> None:
        """Note that cells or weeks were built along with the days of a run."""
        rows = self.rows or Counter()
        for each in partitions:
            metadata = self.metadata | {ROWS: rows[each]}
            context.log_event(dg.AssetMaterialization(self.key, metadata=metadata, partition=each))

    def note_late(
        self,
        context: dg.AssetExecutionContext,
        partitions: Sequence[str],
        rows: Mapping[str, int] | None,
    ) -> None:
        """Note that partitions beside the run's were built, and how many rows each has now."""
        by = {INVOCATION: self.metadata[INVOCATION]}
        for each in partitions:
            metadata = by | ({} if rows is None else {ROWS: rows[each]})
            context.log_event(dg.AssetMaterialization(self.key, metadata=metadata, partition=each))


def built(result: Any, where: Where, days: DayRange, regions: Regions) -> Built:
    """What one of dbt's results has built.

    Args:
        result: of a model.
        where: the warehouse, or an open connection to it.
        days: the UTC days whose rows are counted.
        regions: which cells those rows are of.
    """
    from transform.invocation import last_invocation  # imports dbt, 1 s

    key = asset_key_of(result.node.unique_id)
    metadata: dict[str, Any] = {
        INVOCATION: last_invocation(),
        "dagster/column_lineage": _lineage(result.node),
        "seconds": round(result.execution_time, 2),
    }
    shown = rows_and_preview(where, result.node, days)
    if shown is None:
        return Built(result.node.unique_id, key, metadata, None)
    counted, preview = shown
    metadata[ROWS] = sum(counted.values())
    metadata["preview"] = dg.MetadataValue.md(preview)
    rows = None if () in counted else _by_partition(counted, regions)
    return Built(result.node.unique_id, key, metadata, rows)


def rows_by_partition(
    where: Where, unique_id: str, days: Days, regions: Regions
) -> Counter[str] | None:
    """How many rows each partition of a model has; None where the model has no days.

    Args:
        where: the warehouse, or an open connection to it.
        unique_id: dbt's, of the model.
        days: the UTC days whose rows are counted.
        regions: which cells those rows are of.
    """
    node = manifest()["nodes"][unique_id]
    columns = counted_by(node["columns"], node["config"].get("cell_column"))
    if not columns:
        return None
    relation = f"{node['schema']}.{node['alias']}"
    return _by_partition(counts(where, relation, columns, days_counted(columns, days)), regions)


def _by_partition(counted: Mapping[tuple[str, ...], int], regions: Regions) -> Counter[str]:
    """Several regions are one partition, `other`."""
    rows: Counter[str] = Counter()
    for values, number in counted.items():
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
