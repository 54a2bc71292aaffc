"""The UI itself, in headless Chromium: one lineage, the partition grid, the checks.

`make screenshots` keeps what it sees in docs/img, where README shows it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import requests
from playwright.sync_api import Page, expect

from core.days import last_complete_days
from core.warehouse.connection import Warehouse
from ingestion.demo.server import running
from orchestration.home.prepare import prepare_home
from orchestration.ranges import run_range
from tests.conftest import empty_warehouse
from tests.helpers.pipeline import query
from tests.helpers.ui import free_port, serving

# Hours since some assets were last materialized.
AGES = {
    dg.AssetKey(["raw", "events"]): 3,
    dg.AssetKey(["analytics", "dim_user_versions"]): 30,
    dg.AssetKey(["analytics", "quarantined_events"]): 40,
}


@pytest.fixture(scope="module")
def shown(server) -> Iterator[Warehouse]:
    with empty_warehouse(server, "ui") as found:
        yield found


@pytest.fixture(scope="module")
def ui(shown, history_dir, tmp_path_factory) -> Iterator[str]:
    """`make ui` on a warehouse with five days in it."""
    local = tmp_path_factory.mktemp("local")
    with (
        pytest.MonkeyPatch.context() as patch,
        running() as api,
    ):
        port = free_port()
        settings = shown.libpq_env() | {
            "LOCAL_DIR": str(history_dir),
            "ENV_FILE": os.devnull,
            "EVENTS_URL": api.url,
            "EVENTS_API_TOKEN": api.token,
            "UI_PORT": str(port),
            "STORAGE_URL": str(local / "storage"),
            "PARTITIONS_START": f"{last_complete_days(21).start}",
            "FRESHNESS_DAEMON_INTERVAL_SECONDS": "1",
        }
        for name in ("DAGSTER_HOME", "DAGSTER_HISTORY_URL"):
            patch.delenv(name, raising=False)
        for name, value in settings.items():
            patch.setenv(name, value)
        prepare_home()
        with dg.DagsterInstance.get() as instance:
            assert run_range(last_complete_days(5), instance)
            for key, hours in AGES.items():
                then = time.time() - 3600 * hours
                with pytest.MonkeyPatch.context() as clock:
                    clock.setattr(time, "time", lambda then=then: then)
                    instance.report_runless_asset_event(dg.AssetMaterialization(key))
        with serving(local / "ui.log"):
            yield f"http://127.0.0.1:{port}"
        for name in ("DAGSTER_HOME", "DAGSTER_HISTORY_URL"):
            os.environ.pop(name, None)


@pytest.fixture(scope="module")
def page(browser, ui) -> Page:
    return browser.new_page()


@pytest.fixture
def picture(tmp_path) -> Path:
    return Path(os.environ.get("SCREENSHOTS") or tmp_path)


def keep(page: Page, path: Path, left: int, top: int, width: int, height: int) -> None:
    clip = {"x": left, "y": top, "width": width, "height": height}
    page.screenshot(path=path, clip=clip)


def test_one_lineage_from_raw_to_ml(page, ui, picture):
    scope = "view=lineage&lineageScope=upstream&lineageDepth=8"
    page.goto(f"{ui}/assets/purchase_propensity_model?{scope}")
    groups = ("raw", "staging", "intermediate", "marts", "ml")
    nodes = ("events", "ledger", "stg_events", "fact_events", "user_activity")
    for name in (*groups, *nodes):
        expect(page.get_by_text(name, exact=True).first).to_be_visible()
    expect(page.get_by_text("Materialize all (13)")).to_be_visible()
    expect(page.get_by_text("Loading")).to_have_count(0)
    keep(page, picture / "asset-graph.png", 265, 415, 1205, 290)


def test_the_partition_grid_of_days_and_regions(page, ui, shown, picture):
    page.goto(f"{ui}/assets/analytics/regional_daily_events?view=partitions")
    for region in ("us-east", "eu-west", "ap-south", "other"):
        expect(page.get_by_text(region, exact=True).first).to_be_visible()
    # Also those of older days, which late rows belong to, once the sensor has noted them.
    days = query(
        shown,
        """select count(*) from intermediate.built_days
        where model = 'regional_daily_events' and day >= %s""",
        last_complete_days(21).start,
    )
    expect(page.get_by_text(f"Materialized ({4 * days[0][0]})")).to_be_visible(timeout=90_000)
    # The newest day, in the first region: what the cell holds is shown beside the grid.
    page.get_by_text(f"{last_complete_days(1).start}", exact=True).first.click()
    page.get_by_text("us-east", exact=True).first.click()
    expect(page.get_by_text("dagster/row_count").first).to_be_visible()
    keep(page, picture / "partitions.png", 245, 110, 1250, 620)


def test_the_checks_of_the_fact_table(page, ui, picture):
    page.goto(f"{ui}/assets/analytics/fact_events?view=checks&checkDetail=no_null_user_ids")
    for check in ("no_null_user_ids", "daily_row_count", "partitions_agree"):
        expect(page.get_by_text(check, exact=True).first).to_be_visible()
    page.get_by_role("tab", name="Partitions").last.click()
    expect(page.get_by_text("Succeeded", exact=False).first).to_be_visible()
    expect(page.get_by_text("Loading")).to_have_count(0)
    keep(page, picture / "checks.png", 245, 110, 1250, 500)


FRESHNESS = "{ assetNodes { assetKey { path } freshnessStatusInfo { freshnessStatus } } }"


def test_freshness_policies_are_evaluated(ui):
    """By the daemon that `make ui` starts: raw within two hours, marts within 26 or 36."""
    expected = {
        "raw/events": "DEGRADED",
        "analytics/dim_user_versions": "WARNING",
        "analytics/quarantined_events": "DEGRADED",
        "analytics/fact_events": "HEALTHY",
    }
    deadline, states = time.monotonic() + 60, {}
    while states != expected and time.monotonic() < deadline:
        answer = requests.post(f"{ui}/graphql", json={"query": FRESHNESS}, timeout=60).json()
        assert "errors" not in answer
        found = {
            "/".join(node["assetKey"]["path"]): node["freshnessStatusInfo"]
            for node in answer["data"]["assetNodes"]
        }
        states = {key: (found[key] or {}).get("freshnessStatus") for key in expected}
    assert states == expected
