"""A first run that lacks views: Dagster's backfill makes runs of their own of some."""

from __future__ import annotations

from orchestration.partitions import DAYS
from tests.dagster.conftest import LEDGER, House
from tests.helpers.pipeline import deliver, event, ingest_files, query

DAY = "2026-03-01"


def test_a_run_makes_the_views_that_are_not_there(house: House, tmp_path):
    """What hangs on the ledger alone is not downstream of what was pulled: another run's."""
    deliver(tmp_path, DAY, [event("a", f"{DAY}T10:00:00Z")])
    ingest_files(house.warehouse, tmp_path, DAY)
    graph = house.defs.resolve_asset_graph()
    of_the_ledger = {
        key for key in graph.materializable_asset_keys if graph.get(key).parent_keys == {LEDGER}
    }
    assert {"int_days_by_models", "int_unfinished_deliveries"} <= {
        k.path[-1] for k in of_the_ledger
    }
    others = {
        key
        for key in graph.materializable_asset_keys - of_the_ledger
        if "dbt" in graph.get(key).kinds and graph.get(key).partitions_def == DAYS
    }
    assert house.run("days", DAY, asset_selection=sorted(others)).success
    complete = "select ingest_date::text, fact, is_complete from analytics.row_accounting"
    assert query(house.warehouse, complete) == [(DAY, 1, True)]
    shown = {key for key in of_the_ledger if house.partitions(key)}
    assert not shown, "theirs is the other run"
