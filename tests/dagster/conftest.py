"""The code location with other resources: swapped, not patched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from core.days import parse_range
from core.warehouse.connection import Warehouse
from ingestion.demo.server import DemoApi, running
from orchestration.definitions import definitions
from orchestration.io_manager import Storage
from orchestration.ranges import run_range
from orchestration.resources import EventsSource
from orchestration.resources import Warehouse as WarehouseResource
from tests.conftest import empty_warehouse

FACTS = dg.AssetKey(["analytics", "fact_events"])
WEEKLY = dg.AssetKey(["analytics", "weekly_active_users"])
REGIONAL = dg.AssetKey(["analytics", "regional_daily_events"])
RAW = dg.AssetKey(["raw", "events"])
LEDGER = dg.AssetKey(["raw", "ledger"])


@dataclass(frozen=True)
class House:
    """Everything a run needs."""

    warehouse: Warehouse
    instance: dg.DagsterInstance
    defs: dg.Definitions
    storage: Path
    api: DemoApi

    def backfill(self, first: str, last: str) -> bool:
        return run_range(parse_range(first, last), self.instance, self.defs)

    def run(
        self, job: str, partition: str | None = None, tags: dict[str, str] | None = None, **how: Any
    ) -> dg.ExecuteInProcessResult:
        return self.defs.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=partition,
            tags=tags,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            **how,
        )

    def reading(self, events: EventsSource) -> House:
        """The same, from another source."""
        found = self.warehouse
        where = WarehouseResource(
            host=found.host, port=found.port, user=found.user, database=found.database
        )
        storage = Storage(url=str(self.storage))
        return replace(self, defs=definitions(warehouse=where, events=events, storage=storage))

    def partitions(self, key: dg.AssetKey) -> list[str]:
        return sorted(self.instance.get_materialized_partitions(key))

    def metadata(self, key: dg.AssetKey, partition: str) -> dict[str, Any]:
        """Of the newest materialization of a partition."""
        of_it = dg.AssetRecordsFilter(key, asset_partitions=[partition])
        [record] = self.instance.fetch_materializations(of_it, limit=1).records
        assert record.asset_materialization
        return {name: m.value for name, m in record.asset_materialization.metadata.items()}

    def evaluations(self, name: str) -> dict[str | None, tuple[bool, str]]:
        """A check's newest result by partition."""
        kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION
        found: dict[str | None, tuple[bool, str]] = {}
        for record in self.instance.get_runs()[::-1]:
            for entry in self.instance.all_logs(record.run_id, of_type=kind):
                check: Any = entry.get_dagster_event().event_specific_data
                if check.check_name == name:
                    found[check.partition] = (check.passed, check.severity.value)
        return found


@pytest.fixture(scope="module")
def house(server: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Empty at first; the tests of a module go on where the one before has stopped."""
    storage = tmp_path_factory.mktemp("storage")
    with (
        pytest.MonkeyPatch.context() as patch,
        empty_warehouse(server, "house") as found,
        running() as api,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        patch.setenv("ENV_FILE", os.devnull)
        defs = definitions(
            warehouse=WarehouseResource(
                host=found.host, port=found.port, user=found.user, database=found.database
            ),
            events=EventsSource(events_url=api.url, events_api_token=api.token),
            storage=Storage(url=str(storage)),
        )
        yield House(found, instance, defs, storage, api)


def check(house: House, name: str, asset: dg.AssetKey = FACTS) -> dg.AssetCheckEvaluation:
    job = dg.define_asset_job("one", dg.AssetSelection.checks(dg.AssetCheckKey(asset, name)))
    made = dg.Definitions.merge(house.defs, dg.Definitions(jobs=[job])).resolve_job_def("one")
    return made.execute_in_process(instance=house.instance).get_asset_check_evaluations()[0]
