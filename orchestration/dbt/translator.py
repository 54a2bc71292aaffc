"""How the nodes of the dbt project become assets and checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings

from orchestration.dbt.cells import is_by_week
from transform.project import PROJECT_DIR, VIEWS, manifest

Props = Mapping[str, Any]
FACTS = dg.AssetKey(["analytics", "fact_events"])
# What is built once a day is stale when a day and a half have passed.
FRESH = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=36),
    warn_window=timedelta(hours=26),
)


@dataclass(frozen=True)
class Common:
    """What all models have alike; those of cells and of weeks are built along with days."""

    owner: str
    days: dg.PartitionsDefinition[str]
    days_condition: dg.AutomationCondition[Any]
    cells: dg.PartitionsDefinition[str]
    weeks: dg.PartitionsDefinition[str]
    along_condition: dg.AutomationCondition[Any]

    def partitions(self, config: Props) -> dg.PartitionsDefinition[str]:
        """Those of a model, by its config."""
        if config.get("cell_column"):
            return self.cells
        return self.weeks if is_by_week(config) else self.days


class Translator(DagsterDbtTranslator):
    """Groups are dbt's folders; the raw tables and the ledger are what ingestion materializes."""

    def __init__(self, common: Common) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))
        self.common = common

    def get_description(self, dbt_resource_props: Props) -> str:
        """The model's own; its SQL is a link."""
        return str(dbt_resource_props.get("description") or "")

    def get_asset_spec(self, manifest: Props, unique_id: str, project: Any) -> dg.AssetSpec:
        """Also views are by day: one that had no partitions would keep its neighbours waiting."""
        props = self.get_resource_props(manifest, unique_id)
        config = props.get("config", {})
        common = self.common
        partitions = common.partitions(config)
        folders = props["fqn"][1:-1]
        is_stored_mart = folders == ["marts"] and config.get("materialized") not in VIEWS
        spec = super().get_asset_spec(manifest, unique_id, project)
        file = PROJECT_DIR / props["original_file_path"]
        return spec.replace_attributes(
            group_name=folders[0] if folders else "own",
            owners=[common.owner],
            partitions_def=partitions,
            automation_condition=(
                common.days_condition if partitions is common.days else common.along_condition
            ),
            freshness_policy=FRESH if is_stored_mart else None,
        ).merge_attributes(
            metadata={
                "dagster/table_name": f"{props['schema']}.{props['name']}",
                "sql": dg.MetadataValue.url(file.as_uri()),
            }
        )

    def get_partition_mapping(
        self, dbt_resource_props: Props, dbt_parent_resource_props: Props
    ) -> dg.PartitionMapping | None:
        """The first week and the last one have days that have no partition."""
        if is_by_week(dbt_resource_props["config"]):
            return dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)
        return super().get_partition_mapping(dbt_resource_props, dbt_parent_resource_props)

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Props, unique_id: str, project: Any
    ) -> dg.AssetCheckSpec | None:
        """By partition: one bad day does not hold up the others."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        return spec and spec._replace(partitions_def=asset_spec.partitions_def)


@cache
def asset_key_of(unique_id: str) -> dg.AssetKey:
    """The asset of a model or source, by dbt's unique id."""
    nodes = manifest()
    return DagsterDbtTranslator().get_asset_key((nodes["nodes"] | nodes["sources"])[unique_id])
