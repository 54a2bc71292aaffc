"""The Dagster layer: one graph from raw to marts, and a range of days as one run."""

from __future__ import annotations

import dagster as dg
import pytest

from ingestion.days import parse_range
from ingestion.demo.server import running
from orchestration.backfill import run_range
from orchestration.definitions import defs
from tests.support import query, run

FACTS = dg.AssetKey(["analytics", "fact_events"])
RAW = dg.AssetKey(["raw", "events"])


def test_one_lineage_from_raw_to_marts():
    graph = defs.resolve_asset_graph()
    upstream = set()
    left = [dg.AssetKey(["analytics", "regional_daily_events"])]
    while left:
        upstream |= (parents := graph.get(left.pop()).parent_keys)
        left += parents
    assert {RAW, dg.AssetKey(["raw", "user_profiles"]), FACTS} <= upstream
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} >= {
        "raw/events",
        "staging/stg_events",
        "intermediate/int_events_enriched",
        "analytics/fact_events",
        "analytics/dim_user_versions",
        "analytics/row_accounting",
    }
    assert all(graph.get(key).partitions_def for key in graph.materializable_asset_keys)
    checks = {check.name for check in graph.asset_check_keys if check.asset_key == FACTS}
    assert "assert_every_valid_event_is_a_fact" in checks


@pytest.fixture
def api(monkeypatch):
    with running() as api:
        monkeypatch.setenv("EVENTS_URL", api.url)
        monkeypatch.setenv("EVENTS_API_TOKEN", api.token)
        yield api


def test_a_range_is_one_run_and_every_day_is_materialized(warehouse, api):
    days = parse_range("2026-03-01", "2026-03-03")
    keys = [day.isoformat() for day in days]
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_range(days, instance)
        assert len(instance.get_runs()) == 1
        for asset in (RAW, FACTS):
            assert sorted(instance.get_materialized_partitions(asset)) == keys
    assert query(
        warehouse,
        "select ingest_date::text, received = fact + duplicate + quarantined, is_complete"
        " from analytics.row_accounting order by 1",
    ) == [(key, True, True) for key in keys]
    assert query(warehouse, "select count(*) from raw.loads") == [(1,)]
    assert query(
        warehouse, "select count(distinct invocation_id) from intermediate.built_days"
    ) == [(1,)]


def test_a_failed_test_fails_the_run(warehouse, api):
    days = parse_range("2026-03-01", "2026-03-01")
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_range(days, instance)
        query(
            warehouse,
            """create function lose() returns trigger language plpgsql as
                $$ begin return null; end $$;
            create trigger lose before insert on analytics.quarantined_events
            for each row execute function lose(); select 1""",
        )
        assert not run_range(days, instance)


def test_backfill_says_bad_settings_in_one_line(warehouse):
    for settings, named in (
        ({"FROM": ""}, "FROM is not set"),
        ({"FROM": "2026-13-01"}, "FROM='2026-13-01' is not a day"),
        ({"FROM": "2026-01-01"}, "EVENTS_URL is not set"),
    ):
        done = run("orchestration.backfill", **settings)
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: {named}")
        assert done.stderr.count("\n") == 1
