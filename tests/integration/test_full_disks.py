"""What no room is left for, and folders that cannot be written: one line that says so."""

from __future__ import annotations

import os

from tests.helpers.pipeline import deliver, event
from tests.helpers.postgres import FIRST, small_disk
from tests.helpers.processes import run


def test_a_full_disk_of_the_server_is_one_line(place, tmp_path):
    """And what is smaller comes after as if nothing had been."""
    folder = place.server.folder.parent / "small"
    with small_disk(folder, "24m", place.server.account):
        place.execute(f"create tablespace small location '{folder}'", "postgres")
        try:
            place.create("tablespace small")
            files = {"SOURCE": "files", "EVENTS_URL": f"{tmp_path}/%Y-%m-%d.jsonl", "FROM": FIRST}
            for number, status in ((60_000, 2), (1, 0)):
                name = {"name": "x" * 300}
                deliver(tmp_path, FIRST, [
                    event(f"{n}", f"{FIRST}T10:00:00Z", properties=name) for n in range(number)
                ])  # fmt: skip
                done = run("ingestion", "ingest", **place.settings, **files)
                assert done.returncode == status, done.stderr
                if status:
                    assert "No space left on device" in done.stderr.splitlines()[-1]
            assert place.execute("select sum(rows) from raw.units where live") == [(1,)]
        finally:
            place.execute("drop database if exists warehouse with (force)", "postgres")
            place.execute("drop tablespace small", "postgres")


def test_a_full_or_read_only_local_dir_is_one_line(warehouse, tmp_path):
    events = [
        event(f"{n}", f"{FIRST}T10:00:00Z", properties={"x": "y" * 100}) for n in range(5_000)
    ]
    deliver(tmp_path, FIRST, events)
    days = {"SOURCE": "files", "EVENTS_URL": f"{tmp_path}/%Y-%m-%d.jsonl", "FROM": FIRST}
    small = tmp_path / "small"
    with small_disk(small, "64k"):
        done = run("ingestion", "ingest", LOCAL_DIR=str(small), **days)
        assert (done.returncode, done.stderr.splitlines()[-1].count("No space left")) == (2, 1)
        assert "Traceback" not in done.stderr
        started = run("ingestion", "up", LOCAL_DIR=str(small), PGHOST="")
        assert (started.returncode, started.stderr.count("\n")) == (2, 1), started.stderr
        assert f"LOCAL_DIR={small}" in started.stderr
    unwritable = {"LOCAL_DIR": "/sys/no", "PGHOST": os.environ["PGHOST"]}
    for command in (("ingestion", "ingest"), ("orchestration.backfill",)):
        done = run(*command, **days | unwritable)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert "/sys/no" in done.stderr
