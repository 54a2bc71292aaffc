"""examples/cron: the very lines of its unit files and crontab, on a real Postgres."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from configparser import RawConfigParser
from datetime import UTC, datetime, timedelta

import pytest

from core.settings import ROOT
from tests.examples.scenario import END, FIRST, Outcome, again_and_again, play, shop_records
from tests.helpers.pipeline import deliver, query
from tests.helpers.waiting import wait_until

CRON = ROOT / "examples" / "cron"
UNITS = ["fact-events.service", "fact-events.timer", "fact-events-follow.service"]
FACTS = "select count(*) from analytics.fact_events"
THERE = "select to_regclass('analytics.fact_events') is not null"


def unit(name: str) -> RawConfigParser:
    """A unit file; a setting that is there twice is an error."""
    found = RawConfigParser()
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read_string(here((CRON / name).read_text()))
    return found


def here(text: str) -> str:
    """With this checkout in the place of the one that is installed."""
    return text.replace("/opt/fact-events", f"{ROOT}")


def command(name: str) -> list[str]:
    return unit(name)["Service"]["ExecStart"].split()


def execute(arguments: list[str], **settings: str) -> subprocess.CompletedProcess[str]:
    """As systemd does: from the unit's directory, with the settings of its EnvironmentFile."""
    return subprocess.run(
        arguments,
        cwd=unit("fact-events.service")["Service"]["WorkingDirectory"],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=END,
    )


def by_timer(source: str, first: str, last: str) -> None:
    """The service, started again where it fails, as its Restart= says."""
    service = unit("fact-events.service")
    assert service["Service"]["Restart"] == "on-failure"
    assert int(service["Unit"]["StartLimitBurst"]) > 1
    settings = {"SOURCE_NAME": source, "FROM": first, "TO": last}
    again_and_again(lambda: execute(command("fact-events.service"), **settings))


@pytest.mark.timeout(900)
def test_the_service_ends_with_the_rows_of_make(warehouse, around, made_by_make: Outcome):
    assert play(by_timer, warehouse, around) == made_by_make


def test_the_service_takes_the_last_complete_days(warehouse, around):
    today = datetime.now(UTC).date()
    for ago in range(4):
        day = today - timedelta(days=ago)
        deliver(around.shop, f"{day}", shop_records(day))
    done = execute(command("fact-events.service"), SOURCE_NAME="shop", DAYS="2")
    assert done.returncode == 0, done.stderr
    days = query(warehouse, "select distinct event_date from analytics.fact_events order by 1")
    assert days == [(today - timedelta(days=2),), (today - timedelta(days=1),)]


def test_a_failed_load_fails_the_service(warehouse, around):
    """And nothing is built: systemd, or cron's mail, has one line."""
    done = execute(command("fact-events.service"), SOURCE_NAME="nowhere", FROM=FIRST, TO=FIRST)
    assert done.returncode == 2
    assert done.stderr.startswith("error: SOURCE_NAME='nowhere' is unknown")
    assert done.stderr.count("\n") == 1
    assert query(warehouse, THERE) == [(False,)]


def test_the_crontab_runs_the_same_once_at_a_time(warehouse, around):
    lines = [line for line in (CRON / "crontab").read_text().splitlines() if line[:1].isdigit()]
    commands = {here(line.split(maxsplit=5)[5]) for line in lines}
    assert len(lines) == 2
    assert len(commands) == 1
    assert not any("%" in each for each in commands), "cron makes a line end of it"
    [line] = commands
    settings = {"SOURCE_NAME": "shop", "FROM": FIRST, "TO": FIRST}
    done = execute(["/bin/sh", "-c", line], **settings | {"SOURCE_NAME": "nowhere"})
    assert done.stdout.startswith("error: SOURCE_NAME='nowhere' is unknown")
    with subprocess.Popen(["flock", CRON / "daily.sh", "cat"], stdin=subprocess.PIPE) as holder:
        wait_until(lambda: subprocess.call(["flock", "-n", CRON / "daily.sh", "true"]) == 1)
        done = execute(["/bin/sh", "-c", line], **settings)
        assert (done.stdout, query(warehouse, THERE)) == ("", [(False,)])
        holder.communicate()
    done = execute(["/bin/sh", "-c", line], **settings)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert query(warehouse, FACTS) == [(len(shop_records(datetime.now(UTC).date())),)]


@pytest.fixture
def follower(around) -> Iterator[subprocess.Popen[str]]:
    """The process of the unit that follows; ended with the test."""
    service = unit("fact-events-follow.service")["Service"]
    process = subprocess.Popen(
        service["ExecStart"].split(),
        cwd=service["WorkingDirectory"],
        env=os.environ | {"SOURCE_NAME": "shop"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.wait()


def test_the_service_that_follows_builds_what_arrives_and_ends_when_told(
    warehouse, around, follower
):
    today = datetime.now(UTC).date()
    records = shop_records(today)
    arriving = around.shop / "arriving"
    arriving.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    arriving.rename(around.shop / f"{today}.jsonl")
    wait_until(lambda: query(warehouse, THERE) == [(True,)], follower)
    wait_until(lambda: query(warehouse, FACTS) == [(len(records),)], follower)
    service = unit("fact-events-follow.service")["Service"]
    follower.send_signal(signal.SIGTERM)
    follower.communicate(timeout=float(service["TimeoutStopSec"]))
    assert follower.returncode == int(service["SuccessExitStatus"])


def test_the_timer_is_daily_at_three_utc():
    timer = unit("fact-events.timer")["Timer"]
    assert timer["OnCalendar"] == "*-*-* 03:00:00 UTC"
    assert timer["Persistent"] == "true"


@pytest.mark.parametrize("name", UNITS)
def test_each_unit_says_what_it_runs_and_when(name: str):
    """`systemd-analyze verify` reads the unit more strictly where it is installed."""
    found = unit(name)
    assert found["Unit"]["Description"]
    if name.endswith(".service"):
        assert os.access(command(name)[0], os.X_OK)
    if shutil.which("systemd-analyze"):
        done = subprocess.run(
            ["systemd-analyze", "verify", CRON / name], capture_output=True, text=True, check=False
        )
        said = [line for line in done.stderr.splitlines() if name in line]
        assert [line for line in said if "is not executable" not in line] == []
