"""The SQL that the macros write, linted as Postgres gets it: a linter of models sees none of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from dbt.cli.main import dbtRunner
from dbt_common.events.base_types import EventMsg

from core.settings import ROOT
from tests.helpers.pipeline import build, deliver, event, in_thread, ingest_files
from transform.project import LOCATION, PROJECT_DIR

OURS = re.compile(r"\b(raw|intermediate)\.[a-z]")
COMMENT = re.compile(r"^/\* \{.*?\} \*/\s*", re.DOTALL)


@pytest.fixture
def statements(warehouse, tmp_path) -> Path:
    """A folder of the statements of an increment: a day delivered again, profiles that changed."""
    found: dict[str, str] = {}

    def on_event(event: EventMsg) -> None:
        if event.info.name == "SQLQuery" and OURS.search(event.data.sql):
            node = event.data.node_info.node_name or "run"
            sql = COMMENT.sub("", event.data.sql).strip().rstrip(";")
            found.setdefault(sql, f"{len(found):03d}_{node[:60]}.sql")

    for tier in ("free", "pro"):
        user = {"user_id": "u1", "tier": tier, "region": "r", "updated_at": "2026-01-01T00:00:00Z"}
        deliver(tmp_path / "profiles", "2026-01-01", [user])
        deliver(tmp_path / "events", "2026-01-01", ["no json", event(tier, "2026-01-01T10:00:00Z")])
        ingest_files(
            warehouse, tmp_path / "events", "2026-01-01", profiles_url=tmp_path / "profiles"
        )
        if tier == "free":
            build()
    arguments = ["build", "--exclude-resource-type", "unit_test", "--quiet", *LOCATION]
    runner = dbtRunner(callbacks=[on_event])
    assert in_thread(runner.invoke, arguments).success
    (tmp_path / "sql").mkdir()
    for sql, name in found.items():
        (tmp_path / "sql" / name).write_text(f"{sql};\n")
    return tmp_path / "sql"


def lint(folder: Path) -> str:
    sqlfluff = Path(sys.executable).with_name("sqlfluff")
    config = PROJECT_DIR / "lint" / "compiled.sqlfluff"
    command = [sqlfluff, "lint", "--ignore-local-config", "--config", config, folder]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout


def test_the_sql_of_macros_is_linted(statements):
    written = "".join(path.read_text() for path in statements.iterdir())
    for macro in (
        "insert into intermediate.built_days",  # mark_days_built
        "delete from raw.retracted_profiles",  # mark_days_of_changed_profiles
        "as numbered",  # spans_of
        "attach partition",  # partition_overwrite
        "_kept as kept",  # overwrite_days
        "_came",  # sync_rows
        "dim_user_versions_changed",  # find_users_of_changed_profiles
    ):
        assert macro in written, macro
    assert lint(statements) == ""


def test_a_fault_is_found(tmp_path):
    (tmp_path / "one.sql").write_text("with a as (select 1 as n) SELECT 2 as n;\n")
    assert "Query defines CTE" in lint(tmp_path)
