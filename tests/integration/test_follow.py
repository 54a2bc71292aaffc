"""`make follow`: real processes on real files; killed, ended, two at once, half-written files."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.settings import ROOT
from core.warehouse.connection import Warehouse
from ingestion.land.loads import lease
from tests.helpers.pipeline import deliver, event, held, query
from tests.helpers.postgres import Place
from tests.helpers.processes import Command, run, start
from tests.helpers.tiers import matrix
from tests.helpers.waiting import LONG, wait_until

AT_ONCE = 10  # seconds in which it ends
FACTS = "select event_id from analytics.fact_events order by 1"
THERE = "select to_regclass('analytics.fact_events') is not null"
DBT = "select from pg_stat_activity where application_name = 'fact-events-dbt' and datname = '{}'"
LANDING = "select from raw.loads where completed_at is null"
LINE = re.compile(r"\S+Z canonical: (\d+) units?, (\d+) rows.*; facts of (.+) after ([\d.]+) s")
Follow = Callable[..., Command]


def day(ago: int = 0) -> str:
    return f"{datetime.now(UTC).date() - timedelta(days=ago)}"


def arrive(folder: Path, name: str, *events: str, ago: int = 0) -> None:
    """A file of a day, as it should come: whole, by its last name."""
    records = [event(each, f"{day(ago)}T00:00:01Z") for each in events]
    deliver(folder / "hidden", name, records)
    (folder / "hidden" / f"{name}.jsonl").rename(folder / f"{day(ago)}-{name}.jsonl")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "events"
    made.mkdir()
    return made


@pytest.fixture
def follow(folder: Path) -> Iterator[Follow]:
    """Starts `make follow` on the folder, ended with the test."""
    started: list[Command] = []

    def follows(**settings: str) -> Command:
        files = {"SOURCE": "files", "EVENTS_URL": f"{folder}/%Y-%m-%d*.jsonl"}
        started.append(start("commands.follow", **files | settings))
        return started[-1]

    yield follows
    for each in started:
        if each.poll() is None:
            each.kill()


def facts(warehouse: Warehouse) -> list[str]:
    """The facts' ids; none before the first build."""
    if query(warehouse, THERE) == [(False,)]:
        return []
    return [each for (each,) in query(warehouse, FACTS)]


def says(command: Command, text: str) -> bool:
    return text in command.out.read_text() + command.errors.read_text()


def end(command: Command, by: signal.Signals = signal.SIGTERM) -> subprocess.CompletedProcess[str]:
    """It was told to end, and did so at once."""
    told_at = time.monotonic()
    os.kill(int(command.process.pid or 0), by)
    done = command.finish()
    assert time.monotonic() - told_at < AT_ONCE
    assert done.returncode == {signal.SIGTERM: 143, signal.SIGINT: 130}[by], done.stderr
    return done


def test_what_arrives_is_a_fact(warehouse, folder, follow):
    """Of today, of a day before, half-written; and after it was ended and started again."""
    first = follow()
    wait_until(lambda: query(warehouse, THERE) == [(True,)], first)
    arrive(folder, "a", "late", ago=2)
    arrive(folder, "b", "too late", ago=3)
    with (folder / f"{day()}-c.jsonl").open("w") as growing:
        for number in range(20):
            growing.write(f"{number} is no record until it is whole\n")
            growing.flush()
            time.sleep(0.2)  # slower than no look, faster than two
        growing.seek(0)
        growing.truncate()
        arrive(folder, "c", "written slowly")
    wait_until(lambda: first.out.read_text().count(" after ") == 2, first)
    done = end(first)
    assert done.stderr == ""
    lines = [found.groups() for line in done.stdout.splitlines() if (found := LINE.match(line))]
    assert [each[:3] for each in lines] == [("1", "1", day(2)), ("1", "1", day())]
    assert all(0 < float(seconds) < LONG for *_, seconds in lines)

    arrive(folder, "d", "while nobody looked")
    second = follow()
    wait_until(lambda: says(second, " after "), second)
    assert end(second, signal.SIGINT).stderr.splitlines()[-1] == "interrupted"
    assert facts(warehouse) == ["late", "while nobody looked", "written slowly"]
    assert query(warehouse, "select count(*) from raw.units where not live") == [(0,)]
    accounted = "select sum(received), sum(fact) from analytics.row_accounting"
    assert query(warehouse, accounted) == [(3, 3)]


RAW = ("raw.events", LANDING)
BUILT = ("analytics.fact_events", f"{DBT} and wait_event_type = 'Lock'")
MOMENTS = {
    "in the middle": {
        f"{doing}, {by.name}": (*place, by)
        for doing, place in (("lands", RAW), ("builds", BUILT))
        for by in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
    }
}


@matrix("table, reached, by", MOMENTS)
def test_it_ends_in_the_middle_and_the_next_goes_on(warehouse, folder, follow, table, reached, by):
    """While Postgres has it wait: nothing is half-done, nothing is there twice."""
    arrive(folder, "a", "a")
    first = follow()
    wait_until(lambda: says(first, " after "), first)
    with held(warehouse, table):
        arrive(folder, "b", "b", "c")
        wait_until(lambda: query(warehouse, reached.format(warehouse.database)), first)
        if by == signal.SIGKILL:
            first.kill()
        else:
            end(first, by)
    second = follow()
    wait_until(lambda: facts(warehouse) == ["a", "b", "c"], second)
    assert query(warehouse, "select count(*) from raw.events") == [(3,)]
    assert query(warehouse, LANDING) == []
    end(second)


def test_one_follows_and_others_wait(warehouse, folder, follow):
    """For another make follow, and for a command by hand."""
    first = follow()
    wait_until(lambda: query(warehouse, THERE) == [(True,)], first)
    second = follow()
    wait_until(lambda: says(second, "another make follow has canonical: waiting"), second)
    with closing(warehouse.connect()) as db, lease(db, "canonical", print):
        arrive(folder, "a", "a")
        wait_until(lambda: says(first, "waiting for another load of canonical"), first)
        assert query(warehouse, "select count(*) from raw.units") == [(0,)]
    wait_until(lambda: facts(warehouse) == ["a"], first)
    first.kill()
    arrive(folder, "b", "b")
    wait_until(lambda: facts(warehouse) == ["a", "b"], second)
    assert end(second).stderr.count("\n") == 1


def test_a_bad_file_holds_up_no_other(warehouse, folder, follow):
    """It is said once; corrected, it lands."""
    bad = folder / f"{day()}-bad.jsonl.gz"
    bad.write_bytes(b"\x1f\x8b\x08\x00 is no gzip")
    arrive(folder, "a", "a")
    process = follow(EVENTS_URL=f"{folder}/%Y-%m-%d*.jsonl*")
    wait_until(lambda: facts(warehouse) == ["a"], process)
    arrive(folder, "b", "b")
    wait_until(lambda: facts(warehouse) == ["a", "b"], process)
    bad.unlink()
    arrive(folder, "bad", "c")
    wait_until(lambda: facts(warehouse) == ["a", "b", "c"], process)
    [line] = end(process).stderr.splitlines()
    assert "error: " in line
    assert f"{bad} waits, the others go on" in line


@pytest.mark.full
def test_a_red_day_is_said_once(warehouse, folder, follow):
    arrive(folder, "a", "a")
    process = follow()
    wait_until(lambda: facts(warehouse) == ["a"], process)
    query(warehouse, "alter table raw.units disable trigger all; select 1")
    query(warehouse, "update raw.units set rows = rows + 1 returning 1")
    for number, name in enumerate("bcd", 2):
        arrive(folder, name, name)
        wait_until(lambda count=number: len(facts(warehouse)) == count, process)
    wait_until(lambda: says(process, "not all of it is built and tested"), process)
    query(warehouse, "update raw.units set rows = rows - 1 where unit like '%-a.jsonl' returning 1")
    arrive(folder, "e", "e")
    wait_until(lambda: says(process, "all days are built and have passed their tests"), process)
    assert len(re.findall("red days?", end(process).stderr)) == 1


@pytest.mark.full
def test_postgres_is_restarted(place: Place, folder, follow):
    place.create()
    server = place.server
    process = follow(**place.settings)

    def found() -> list[tuple[object, ...]]:
        there = place.execute(THERE) == [(True,)]
        return place.execute(FACTS) if there else []

    arrive(folder, "a", "a")
    wait_until(lambda: found() == [("a",)], process)
    control = [server.programs / "pg_ctl", "-w", "-D", server.folder, "-m", "immediate"]
    quiet = {"user": server.account, "check": True, "stdout": subprocess.DEVNULL}
    subprocess.run([*control, "stop"], **quiet)
    arrive(folder, "b", "b")
    wait_until(lambda: says(process, "error: "), process)
    options = f"-h 127.0.0.1 -p {server.port} -k '{server.folder}'"
    start_again = [*control[:4], "-l", server.folder / "log", "-o", options, "start"]
    subprocess.run(start_again, **quiet)
    wait_until(lambda: found() == [("a",), ("b",)], process)
    done = end(process)
    assert "canonical: landing works again" in done.stdout
    assert done.stderr.count("error: ") <= 3, "that it is away, and how it went"


RENEWED = """
import sys, commands.follow as f
from core.command_line import run_command
f.RENEW_BUILDS = 1
sys.exit(run_command(f.follow))
"""


@pytest.mark.full
def test_it_renews_itself_and_goes_on(warehouse, folder, tmp_path):
    """With the same process id: what it has built in a process makes dbt slow and large."""
    log = tmp_path / "log"
    files = {"SOURCE": "files", "EVENTS_URL": f"{folder}/%Y-%m-%d*.jsonl"}
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", RENEWED], cwd=ROOT, env=os.environ | files, stdout=out
        )
    wait_until(lambda: log.read_text().count(" following canonical: ") == 2, process)
    arrive(folder, "a", "a")
    wait_until(lambda: " after " in log.read_text(), process)
    assert facts(warehouse) == ["a"]
    process.terminate()
    assert process.wait(AT_ONCE) == 143


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"EVENTS_URL": ""}, "EVENTS_URL is not set"),
        ({"MAPPING": "nope"}, "MAPPING='nope' is unknown"),
        ({"EVENTS_URL": "/data/%Y-%m-%dT%H%M.jsonl"}, "windows are hours, days or months"),
        ({"FOLLOW_DAYS": "two"}, "FOLLOW_DAYS='two' is not a number of days"),
        ({"FORCE": "1"}, "FORCE=1 is for one load"),
    ],
)
def test_a_wrong_setting_ends_it(tmp_path, settings, says):
    done = run("commands.follow", **{"SOURCE": "files", "EVENTS_URL": f"{tmp_path}/%d"} | settings)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
