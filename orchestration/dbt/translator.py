"""How the nodes of the dbt project become assets and checks."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings

from core.settings import read_settings
from orchestration.automation import downstream
from orchestration.partitions import CELLS, DAYS
from orchestration.settings import OrchestrationSettings
from transform.project import PROJECT_DIR, manifest

Props = Mapping[str, Any]
OWNER = read_settings(OrchestrationSettings).owner
# What is built once a day is stale when a day and a half have passed.
STALE, LATE = timedelta(hours=36), timedelta(hours=26)
FRESH = dg.FreshnessPolicy.time_window(fail_window=STALE, warn_window=LATE)


class Translator(DagsterDbtTranslator):
    """Groups are dbt's folders; the raw tables and the ledger are what ingestion materializes."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))

    def get_description(self, dbt_resource_props: Props) -> str:
        """The model's own; its SQL is a link."""
        return str(dbt_resource_props.get("description") or "")

    def get_asset_spec(self, manifest: Props, unique_id: str, project: Any) -> dg.AssetSpec:
        """Also views are by day: one that had no partitions would keep its neighbours waiting."""
        props = self.get_resource_props(manifest, unique_id)
        spec = super().get_asset_spec(manifest, unique_id, project)
        config, folders = props.get("config", {}), props["fqn"][1:-1]
        table = f"{props['schema']}.{props['name']}"
        link = dg.MetadataValue.url((PROJECT_DIR / props["original_file_path"]).as_uri())
        is_table = folders == ["marts"] and config.get("materialized") != "view"
        return spec.replace_attributes(
            group_name=folders[0],
            owners=[OWNER],
            partitions_def=CELLS if config.get("cell_column") else DAYS,
            automation_condition=downstream(),
            freshness_policy=FRESH if is_table else None,
        ).merge_attributes(metadata={"dagster/table_name": table, "sql": link})

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Props, unique_id: str, project: Any
    ) -> dg.AssetCheckSpec | None:
        """By partition: one bad day does not hold up the others."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        return spec and spec._replace(partitions_def=asset_spec.partitions_def)


TRANSLATOR = Translator()


@cache
def asset_key_of(unique_id: str) -> dg.AssetKey:
    """The asset of a model or source."""
    return TRANSLATOR.get_asset_spec(manifest(), unique_id, None).key
