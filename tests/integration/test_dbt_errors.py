"""What people are told where dbt fails, and what is left behind."""

from __future__ import annotations

import os
import signal
from contextlib import closing

import pytest

from core.errors import UserError
from tests.helpers.checkout import EditedProject
from tests.helpers.pipeline import FACTS, build, deliver, event, ingest_files, query
from tests.helpers.processes import run, start
from tests.helpers.waiting import wait_until
from transform.project import PLACES, manifest

DAY = "2026-01-01"
BUILT = "select count(*) from intermediate.marks where kind = 'project'"
FACT = "dbt/models/marts/fact_events.sql"
OURS = """select count(*) from pg_stat_activity
    where application_name = 'fact-events-dbt' and datname = current_database()"""


@pytest.fixture
def delivered(warehouse, tmp_path):
    deliver(tmp_path / "events", DAY, [event("a", f"{DAY}T10:00:00Z")])
    ingest_files(warehouse, tmp_path / "events", DAY)
    return warehouse


def test_a_first_build_that_fails(delivered, tmp_path, monkeypatch, capsys):
    """One line for the model and one for the build, whichever of dbt or Postgres refuses; what it
    has not built is not marked as built."""
    project = EditedProject(tmp_path, monkeypatch)
    model = "models/marts/fact_events.sql"
    good = (project.dbt_dir / model).read_text()
    line_of = good.splitlines().index("    user_id,") + 1
    faults = {
        good.replace("    user_id,", "    user_idx,"): (
            f'error: fact_events, {FACT}:{line_of}: column "user_idx" does not exist. '
            'Perhaps you meant to reference the column "events.user_id".'
        ),
        good + "{{ nothing_of_ours() }}": (
            f"error: fact_events, {FACT}: 'nothing_of_ours' is undefined. This can happen when "
            "calling a macro that does not exist. Check for typos and/or install package "
            'dependencies with "dbt deps".'
        ),
    }
    for text, line in faults.items():
        project.write(model, text)
        with pytest.raises(UserError, match=r"^dbt build failed: 1 of 5. models and tests, "):
            build()
        shown = capsys.readouterr().err.splitlines()
        assert [each for each in shown if each.startswith("error")] == [line]
        assert query(delivered, BUILT) == [(0,)]
    project.write(model, good + "{% if %}")
    with pytest.raises(UserError, match=rf"^dbt: {FACT}:\d+: Expected an expression, got "):
        build()
    project.write(model, good)
    assert " models, " in build()
    assert query(delivered, BUILT) == [(1,)]


def test_ctrl_c(delivered, tmp_path):
    """In the middle of a swap that a reader holds up: no query of ours goes on in Postgres."""
    build()
    before = query(delivered, FACTS)
    deliver(tmp_path / "events", DAY, [event("b", f"{DAY}T10:00:00Z")])
    ingest_files(delivered, tmp_path / "events", DAY)
    with closing(delivered.connect()) as db, db.cursor() as reader:
        reader.execute("begin; select count(*) from analytics.fact_events")
        process = start("transform")
        waits = f"{OURS} and wait_event_type = 'Lock'"
        wait_until(lambda: query(delivered, waits) != [(0,)], process)
        os.kill(process.process.pid, signal.SIGINT)
        done = process.finish()
        assert (done.returncode, done.stderr.splitlines()[-1]) == (130, "interrupted")
        wait_until(lambda: query(delivered, OURS) == [(0,)])
    assert query(delivered, FACTS) == before
    build()
    assert [row[0] for row in query(delivered, FACTS)] == ["b"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "ARGS is not set: "),
        (["buidl"], "ARGS: No such command 'buidl'."),
        (["build", "--nope"], "ARGS: No such option '--nope'."),
    ],
)
def test_what_dbt_does_not_know_is_one_line(warehouse, arguments, says):
    done = run("transform.dbt", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(f"error: {says}")


def test_a_project_that_dbt_cannot_read_has_no_manifest(tmp_path, monkeypatch):
    """Whoever asks for one (make forget, Dagster) says dbt's sentence."""
    monkeypatch.setattr("transform.project.PLACES", PLACES | {"DBT_PROJECT_DIR": f"{tmp_path}"})
    monkeypatch.setattr("transform.project.MANIFEST", tmp_path / "manifest.json")
    manifest.cache_clear()
    with pytest.raises(UserError, match=r"^dbt parse: .*No dbt_project.yml found"):
        manifest()
    manifest.cache_clear()
