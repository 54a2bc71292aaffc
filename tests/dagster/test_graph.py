"""The graph: one lineage from raw to ML, and what each asset says of itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from core.settings import ROOT
from orchestration.automation import BY_DAY, HOURLY
from orchestration.definitions import defs
from orchestration.partitions import CELLS, WEEKS
from tests.dagster.conftest import FACTS, REGIONAL
from tests.helpers.processes import run

SNAPSHOT = Path(__file__).with_name("assets.txt")


def test_one_lineage_from_raw_to_ml():
    graph = defs.resolve_asset_graph()
    upstream: set[dg.AssetKey] = set()
    left = [dg.AssetKey(["purchase_propensity_model"])]
    while left:
        upstream |= (parents := graph.get(left.pop()).parent_keys)
        left += parents
    names = {key.to_user_string() for key in upstream}
    assert names >= {"raw/events", "raw/user_profiles", "analytics/fact_events"}
    assert names >= {"staging/stg_events", "analytics/user_activity", "user_activity_features"}
    checks = {check.name: check for check in graph.asset_check_keys if check.asset_key == FACTS}
    assert checks.keys() >= {
        "assert_every_valid_event_is_a_fact",
        "no_null_user_ids",
        "daily_row_count",
        "newest_day_present",
        "partitions_agree",
        "warn_event_repeated_across_days",
    }
    blocking = {name for name, key in checks.items() if graph.get(key).blocking}
    assert blocking >= {"assert_every_valid_event_is_a_fact", "no_null_user_ids"}
    assert "warn_event_repeated_across_days" not in blocking


def test_what_is_looked_at_hourly_is_in_no_run_of_days():
    """Such checks look at all days; in a run of some they would cost it for nothing."""
    graph = defs.resolve_asset_graph()
    by_itself = {key for key in graph.asset_check_keys if graph.get(key).automation_condition}
    assert by_itself == set(HOURLY)
    assert not by_itself & BY_DAY.resolve_checks(graph)


def described() -> str:
    """One line per asset: key, group, kinds, partitions, checks, upstream."""
    graph = defs.resolve_asset_graph()
    lines = []
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        assert node.description, f"{key} has no description"
        assert node.owners
        is_dbt = "dbt" in node.kinds
        assert not is_dbt or node.metadata["dagster/column_schema"].columns
        by = {CELLS: "date|region", WEEKS: "week"}.get(node.partitions_def, "date")
        above = ", ".join(sorted(parent.to_user_string() for parent in node.parent_keys))
        checks = len(graph.get_check_keys_for_assets({key}))
        kinds = ",".join(sorted(node.kinds))
        fresh = "fresh" if node.freshness_policy else "-"
        lines.append(
            f"{key.to_user_string()} {node.group_name} {kinds} {by} {fresh}"
            f" checks={checks} <- {above}"
        )
    return "\n".join(lines) + "\n"


def test_the_assets_are_those_of_the_snapshot():
    """After a change that is meant: python -m tests.dagster.test_graph."""
    assert described() == SNAPSHOT.read_text()


def test_a_cell_depends_on_its_day():
    mapping = defs.resolve_asset_graph().get_partition_mapping(REGIONAL, FACTS)
    assert isinstance(mapping, dg.MultiToSingleDimensionPartitionMapping)


@pytest.mark.parametrize(
    "command",
    [
        "dagster definitions validate -m orchestration.definitions",
        pytest.param("dg check defs", marks=pytest.mark.full),  # the same, found by pyproject.toml
    ],
)
def test_dagster_finds_the_definitions_valid(command):
    program, *arguments = command.split()
    here = [Path(sys.executable).with_name(program), *arguments]
    done = subprocess.run(here, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


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


if __name__ == "__main__":
    SNAPSHOT.write_text(described())
