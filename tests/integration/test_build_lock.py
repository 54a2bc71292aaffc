"""Which builds are at the same time, and which one is alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from core.warehouse.connection import Warehouse
from tests.helpers.pipeline import build, deliver, event, ingest_files, query
from tests.helpers.processes import start
from tests.helpers.waiting import LONG, wait_until
from transform.build_lock import build_lock

WAITING = "select from pg_locks where locktype = 'advisory' and not granted"


def take(warehouse: Warehouse, digest: str | None) -> None:
    """A build of nothing, which succeeds."""
    with build_lock(warehouse, digest) as succeeded:
        succeeded()


@pytest.fixture
def built(warehouse: Warehouse) -> Warehouse:
    """A warehouse whose last build was of project a."""
    take(warehouse, "a")
    return warehouse


def test_builds_of_the_project_that_was_built_last_share_the_lock(built):
    with ThreadPoolExecutor(1) as threads, build_lock(built, "a"):
        threads.submit(take, built, "a").result(LONG)


@pytest.mark.parametrize(
    ("one", "other"),
    [("a", "b"), ("b", "a"), ("a", None), (None, "a")],
    ids=["changed project after", "and before", "retention after", "and before it"],
)
def test_any_other_is_alone(built, one, other):
    with ThreadPoolExecutor(1) as threads:
        with build_lock(built, one):
            waits = threads.submit(take, built, other)
            wait_until(lambda: waits.done() or query(built, WAITING))
            assert not waits.done()
        waits.result(LONG)


def test_a_build_that_failed_is_not_the_last_that_was_built(built):
    with pytest.raises(ZeroDivisionError), build_lock(built, "b"):
        raise ZeroDivisionError
    with ThreadPoolExecutor(1) as threads, build_lock(built, "a"):
        threads.submit(take, built, "a").result(LONG)


@pytest.mark.parametrize(
    ("command", "settings"),
    [("forget", {"USER_ID": "u1"}), ("prune", {"KEEP_DAYS": "1"})],
)
def test_retention_waits_for_a_build(warehouse, tmp_path, command, settings):
    """Records leave raw when no build is reading them."""
    deliver(tmp_path, "2026-01-01", [event("a", "2026-01-01T10:00:00Z")])
    ingest_files(warehouse, tmp_path, "2026-01-01")
    build()
    digest = "select value from intermediate.marks where kind = 'project'"
    [(project,)] = query(warehouse, digest)
    with build_lock(warehouse, project):
        process = start(f"commands.{command}", **settings)
        wait_until(lambda: query(warehouse, WAITING), process)
        assert query(warehouse, "select count(*) from raw.events") == [(1,)]
    assert process.finish().returncode == 0
    assert query(warehouse, "select count(*) from raw.events") == [(0,)]
