"""Profiles that come while days are built: none keeps the old ones and counts as up to date.

A build that has read the profiles, and has not yet ended, is held by a lock that the test has;
others go on meanwhile. All are processes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from core.settings import ROOT
from core.warehouse.connection import Warehouse
from tests.helpers.pipeline import build, deliver, event, ingest_files, query
from tests.helpers.processes import Command, dbt, run, start, start_dbt
from tests.helpers.waiting import wait_until

pytestmark = pytest.mark.tables_built

D1, D2 = "2026-01-01", "2026-01-02"
HELD = 4711  # the key of the lock
WAITS = f"select from pg_locks where not granted and locktype = 'advisory' and objid = {HELD}"
# What waits for the snapshot of who writes profiles.
BEHIND_IT = """select from pg_stat_activity
    where query like '%%select pg_sleep%%' and pid != pg_backend_pid()"""
TIERS = "select event_id, user_tier from analytics.fact_events order by 1"
STATE = "select event_date::text, is_up_to_date from analytics.event_days order by 1"
OLD = {"user_id": "u2", "tier": "old", "region": "EU", "updated_at": "2025-06-01T00:00:00Z"}
NEW = OLD | {"tier": "new"}
# Where a run is held: a text of a file, and what is there instead.
HOLD = f"select pg_advisory_xact_lock({HELD});"
LOCK = "    select pg_advisory_xact_lock(hashtextextended('{{ relation }}', 0));"
AT_THE_SWAP = (
    "macros/strategies/locks.sql",
    LOCK,
    "{% if relation.identifier == 'fact_events' %}" + HOLD + "{% endif %}" + LOCK,
)
NOTED = "    {%- do note_moved_profiles() %}"
AFTER_LOOKING_AT_FACTS = ("macros/days/changed_profiles.sql", NOTED, NOTED + HOLD)


@pytest.fixture
def built(warehouse, tmp_path):
    """A day of u1's events; then one of u2's on the same day, and one on a day that is new."""
    deliver(tmp_path / "events", D1, [event("a", f"{D1}T10:00:00Z")])
    deliver(tmp_path / "profiles", D1, [OLD])
    ingest_files(warehouse, tmp_path / "events", D1, profiles_url=tmp_path / "profiles")
    build()
    later = [
        event("b", f"{D1}T11:00:00Z", user_id="u2"),
        event("c", f"{D2}T11:00:00Z", user_id="u2"),
    ]
    deliver(tmp_path / "events", D2, later)
    ingest_files(warehouse, tmp_path / "events", D2)
    return warehouse


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("held")


@contextmanager
def held(
    warehouse: Warehouse, folder: Path, place: tuple[str, str, str], model: str
) -> Iterator[Command]:
    """A `dbt run` of a model is at a place of it during the block, and goes on after it."""
    file, text, instead = place
    for part in ("dbt", "core/migrations"):
        left_out = shutil.ignore_patterns("target", "logs")
        shutil.copytree(ROOT / part, folder / part, ignore=left_out, dirs_exist_ok=True)
    before = (ROOT / "dbt" / file).read_text()
    assert before.count(text) == 1, (file, text)
    (folder / "dbt" / file).write_text(before.replace(text, instead))
    with closing(warehouse.connect()) as db, db.cursor() as cursor:
        cursor.execute(f"select pg_advisory_lock({HELD})")
        # By file: `fact_events` alone may mean the project.
        running = start(
            "tests.helpers.dbt_cli",
            "run",
            "--select",
            f"marts.{model}",
            "--project-dir",
            f"{folder / 'dbt'}",
            "--profiles-dir",
            f"{ROOT / 'profiles'}",
            DBT_TARGET_PATH=f"{folder / 'target'}",
        )
        wait_until(lambda: query(warehouse, WAITS), running)
        yield running
    done = running.finish()
    assert done.returncode == 0, done.stdout + done.stderr


def load_new_profile(warehouse: Warehouse, folder: Path) -> None:
    deliver(folder / "later", D2, [NEW])
    # The events of the day are as before: not read again.
    ingest_files(warehouse, folder / "events", D2, profiles_url=folder / "later")


def test_the_build_that_read_the_old_profile_ends_last(built, folder, tmp_path):
    """Of the same version of the day: what the other has built stays."""
    with held(built, folder, AT_THE_SWAP, "fact_events"):
        load_new_profile(built, tmp_path)
        done = run("transform")
        assert done.returncode == 0, done.stderr
    assert query(built, TIERS) == [("a", "unknown"), ("b", "new"), ("c", "new")]
    assert query(built, STATE) == [(D1, True), (D2, True)]


def test_a_day_that_nobody_else_builds(built, folder, tmp_path):
    """The other has brought the versions of users up to date, and was killed then."""
    with held(built, folder, AT_THE_SWAP, "fact_events"):
        load_new_profile(built, tmp_path)
        assert dbt("run", "--select", "dim_user_versions").returncode == 0
    assert query(built, STATE) == [(D1, False), (D2, False)]
    build()
    assert query(built, TIERS) == [("a", "unknown"), ("b", "new"), ("c", "new")]
    assert query(built, STATE) == [(D1, True), (D2, True)]


def test_a_day_that_is_swapped_while_profiles_are_written(built, folder, tmp_path):
    """After the versions of users have looked at the facts, before they are there."""
    load_new_profile(built, tmp_path)
    with held(built, folder, AFTER_LOOKING_AT_FACTS, "dim_user_versions") as profiles:
        builds = start_dbt("run", "--select", "marts.fact_events")
        wait_until(lambda: builds.poll() is not None or query(built, BEHIND_IT))
        assert profiles.poll() is None
    assert builds.finish().returncode == 0
    build()
    assert query(built, TIERS) == [("a", "unknown"), ("b", "new"), ("c", "new")]
    assert query(built, STATE) == [(D1, True), (D2, True)]


def test_who_is_forgotten_is_in_no_note_of_it(built, tmp_path):
    load_new_profile(built, tmp_path)
    build()
    moved = "select count(*) from intermediate.moved_profiles where user_id = 'u2'"
    assert query(built, moved) == [(2,)], "the version that went, and the one that came"
    done = run("commands.forget", USER_ID="u2")
    assert done.returncode == 0, done.stderr
    assert query(built, moved) == [(0,)]
