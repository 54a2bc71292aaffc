"""examples/prefect: its flow, served to a real Prefect server, on a real Postgres."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.examples.prefect_server import (
    EXAMPLE,
    Prefect,
    prefect_server,
    require_environment,
    served,
)
from tests.examples.scenario import FIRST, LAST, Outcome, play
from tests.helpers.pipeline import deliver, event, query
from tests.helpers.processes import run_fresh
from tests.helpers.waiting import wait_until

FACTS = "select event_id, ingest_date::text from analytics.fact_events order by 1"


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefect]:
    require_environment()
    with prefect_server(tmp_path_factory.mktemp("prefect")) as found:
        yield found


@pytest.fixture
def flow(warehouse, around, prefect: Prefect) -> Iterator[subprocess.Popen[str]]:
    """The flow, served for both sources."""
    with served(prefect, "web", "shop") as process:
        yield process


@pytest.mark.timeout(1800)
def test_the_flow_ends_with_the_rows_of_make(
    warehouse, around, prefect, flow, made_by_make: Outcome
):
    runs = []

    def by_prefect(source: str, first: str, last: str) -> None:
        runs.append(prefect.start(source, first, last))
        run = prefect.ended(runs[-1], flow)
        assert run["state_type"] == "COMPLETED", prefect.logs(runs[-1])

    assert play(by_prefect, warehouse, around) == made_by_make
    loads = [prefect.tasks(run)["ingest"] for run in runs]
    assert loads[0]["run_count"] == 2, "the outage was borne by a retry of the task"
    # Of an API only reading tells whether it is as before.
    assert [load["state_name"] for load in loads] == ["Completed"] * len(runs)


def shown(prefect: Prefect) -> list[list[str]]:
    """The newest artifact's table, without its ruler."""
    artifact = prefect.ask("GET", "/artifacts/row-accounting/latest")
    assert artifact["type"] == "markdown"
    head, _, *rows = [line.split(" | ") for line in artifact["data"].splitlines()]
    return [head, *rows]


@pytest.mark.timeout(900)
def test_a_cached_task_never_hides_a_change(warehouse, around, prefect, flow):
    """The same file again is cached; not what the warehouse has lost since, nor another content,
    nor the first one when it is back."""

    def run() -> tuple[str, list[tuple[object, ...]]]:
        number = prefect.start("shop", FIRST, FIRST)
        assert prefect.ended(number, flow)["state_type"] == "COMPLETED", prefect.logs(number)
        return prefect.tasks(number)["ingest"]["state_name"], query(warehouse, FACTS)

    def content(name: str) -> list[tuple[object, ...]]:
        deliver(around.shop, FIRST, [event(name, f"{FIRST}T12:00:00Z")])
        return [(name, FIRST)]

    a = content("a")
    assert run() == ("Completed", a)
    # The ledger trusts no time that was too young when it was seen: wait until it is not.
    states = []
    while len(states) < 6 and states[-1:] != ["Cached"]:
        state, facts = run()
        states.append(state)
        assert facts == a
    assert states[-1] == "Cached"
    head, row = shown(prefect)
    assert dict(zip(head, row, strict=True)) == {
        "ingest_date": FIRST, "received": "1", "fact": "1", "duplicate": "0", "quarantined": "0",
        "retracted": "0", "forgotten": "0", "is_complete": "t",
    }  # fmt: skip

    assert run_fresh("ingestion", "retract", UNIT=f"{FIRST}.jsonl").returncode == 0
    assert run() == ("Completed", a)
    b = content("b")
    assert run() == ("Completed", b)
    assert content("a") == a
    assert run() == ("Completed", a)


@pytest.mark.timeout(900)
def test_one_run_of_a_source_at_a_time(warehouse, around, prefect, flow):
    numbers = [prefect.start("shop", FIRST, LAST) for _ in range(2)]
    ended = sorted(
        (prefect.ended(number, flow) for number in numbers), key=lambda run: run["start_time"]
    )
    assert [run["state_type"] for run in ended] == ["COMPLETED"] * 2
    assert ended[0]["end_time"] <= ended[1]["start_time"]


@pytest.mark.timeout(900)
def test_a_run_that_is_told_no_days_takes_the_seven_before_it(warehouse, around, prefect, flow):
    today = datetime.now(UTC).date()
    for ago in (0, 1, 7, 8):
        day = today - timedelta(days=ago)
        deliver(around.shop, f"{day}", [event("e", f"{day}T00:00:00Z")])
    number = prefect.start("shop")
    assert prefect.ended(number, flow)["state_type"] == "COMPLETED", prefect.logs(number)
    days = query(warehouse, "select ingest_date from analytics.row_accounting order by 1")
    assert days == [(today - timedelta(days=7),), (today - timedelta(days=1),)]


def test_what_is_served(prefect, flow):
    """A deployment a source: daily at 03:00 UTC, one run at a time."""

    def due() -> set[str]:
        scheduled = {"state": {"type": {"any_": ["SCHEDULED"]}}}
        found = prefect.ask("POST", "/flow_runs/filter", flow_runs=scheduled)
        return {run["expected_start_time"][11:] for run in found}

    wait_until(due, flow, pause=1)
    assert due() == {"03:00:00Z"}
    for name, found in prefect.deployments().items():
        [schedule] = found["schedules"]
        assert found["parameters"] == {"source": name}
        assert schedule["active"]
        assert schedule["schedule"]["cron"] == "0 3 * * *"
        assert schedule["schedule"]["timezone"] == "UTC"
        assert found["global_concurrency_limit"]["limit"] == 1


def test_the_flow_is_one_short_file():
    lines = (EXAMPLE / "flow.py").read_text().splitlines()
    assert len(lines) <= 80


def test_its_lock_is_its_own():
    """Pinned with hashes, from no named index; and nothing of it is in the project's."""
    lock = (EXAMPLE / "requirements.lock").read_text()
    pinned = re.findall(r"^([\w.-]+)(?:\[.*\])?==\S+", lock, re.M)
    assert "prefect" in pinned
    assert lock.count("--hash=sha256:") >= len(pinned)
    assert not re.search(r"https?://|--(index|extra|find)", lock)
    root = Path(EXAMPLE.parents[1] / "requirements.lock").read_text()
    assert not re.search(r"^prefect==", root, re.M)


def test_without_its_environment_a_line_says_how_to_make_it(tmp_path):
    (tmp_path / "requirements.lock").touch()
    with pytest.raises(pytest.fail.Exception, match=r"/\.venv/installed is not there.*: make "):
        require_environment(tmp_path)
