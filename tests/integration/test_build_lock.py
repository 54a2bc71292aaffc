"""Which builds are at the same time, and which one is alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from core.warehouse.connection import Warehouse
from tests.helpers.pipeline import deliver, event, ingest_files, query
from tests.helpers.processes import finish, start_module
from tests.helpers.waiting import LONG, wait_until
from transform.build_lock import build_lock

WAITING = "select from pg_locks where locktype = 'advisory' and not granted"
HELD = "select count(*) from pg_locks where locktype = 'advisory' and granted"


@contextmanager
def another(warehouse: Warehouse, digest: str | None) -> Iterator[threading.Event]:
    """Another build, in a thread; the event is set once it has the lock."""
    has_it, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with build_lock(warehouse, digest):
            has_it.set()
            assert may_end.wait(LONG)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        yield has_it
    finally:
        may_end.set()
        thread.join(LONG)


@pytest.fixture
def built(warehouse: Warehouse) -> Warehouse:
    """A warehouse whose last build was of project a."""
    with build_lock(warehouse, "a"):
        pass
    return warehouse


def test_builds_of_the_project_that_was_built_last_share_the_lock(built):
    with build_lock(built, "a"), another(built, "a") as has_it:
        assert has_it.wait(LONG)
        assert query(built, HELD) == [(2,)]


@pytest.mark.parametrize("digest", ["b", None], ids=["changed project", "retention"])
def test_any_other_is_alone(built, digest):
    with build_lock(built, "a"), another(built, digest) as has_it:
        wait_until(lambda: query(built, WAITING))
        assert not has_it.is_set()
    with build_lock(built, digest), another(built, "a") as has_it:
        wait_until(lambda: query(built, WAITING))
        assert not has_it.is_set()


def test_a_build_that_failed_is_not_the_last_that_was_built(built):
    with pytest.raises(ZeroDivisionError), build_lock(built, "b"):
        raise ZeroDivisionError
    with build_lock(built, "a"), another(built, "a") as has_it:
        assert has_it.wait(LONG)
        assert query(built, HELD) == [(2,)]


@pytest.mark.parametrize(
    ("command", "settings"),
    [("forget", {"USER_ID": "u1"}), ("prune", {"KEEP_DAYS": "1"})],
)
def test_retention_waits_for_a_build(warehouse, tmp_path, command, settings):
    """Records leave raw when no build is reading them."""
    deliver(tmp_path, "2026-01-01", [event("a", "2026-01-01T10:00:00Z")])
    ingest_files(warehouse, tmp_path, "2026-01-01")
    assert finish(start_module("transform")).returncode == 0
    digest = "select value from intermediate.marks where kind = 'project'"
    [(project,)] = query(warehouse, digest)
    with build_lock(warehouse, project):
        process = start_module(f"commands.{command}", **settings)
        wait_until(lambda: query(warehouse, WAITING), process)
        assert query(warehouse, "select count(*) from raw.events") == [(1,)]
    assert finish(process).returncode == 0
    assert query(warehouse, "select count(*) from raw.events") == [(0,)]
