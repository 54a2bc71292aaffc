"""The project's commands, as processes of the project's own environment.

Airflow has another one: the two never share a package. Which Postgres is meant is what Airflow's
connection `warehouse` says; other settings are the worker's environment, or `.env`, as for make.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from airflow.sdk import Connection

HOME = Path(os.environ.get("FACT_EVENTS_HOME") or Path(__file__).resolve().parents[3])
RETRY_SECONDS = int(os.environ.get("RETRY_SECONDS", "300"))
# For Cosmos' tasks, in which Airflow renders it. Unit tests are of the code: CI runs them.
LIBPQ = {
    "DBT_EXCLUDE_RESOURCE_TYPES": "unit_test",
    "PGHOST": "{{ conn.warehouse.host }}",
    "PGPORT": "{{ conn.warehouse.port or 5432 }}",
    "PGUSER": "{{ conn.warehouse.login }}",
    "PGPASSWORD": "{{ conn.warehouse.password or '' }}",
    "PGDATABASE": "{{ conn.warehouse.schema }}",
}


def run(*arguments: str, **settings: str) -> str:
    """Run a command of the project to its end, and return what it printed.

    What it says on stderr goes to the task's log: an error is one line that names the setting.

    Args:
        arguments: a module and its arguments, as in `run("ingestion", "ingest")`.
        settings: environment variables, as in FROM="2026-01-01".

    Raises:
        RuntimeError: it failed; nothing was half done, so the task can be retried at any time.
    """
    done = subprocess.run(
        [HOME / ".venv/bin/python", "-m", *arguments],
        cwd=HOME,
        env={**os.environ, **_libpq(), "PYTHONPATH": str(HOME), **settings},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    print(done.stdout)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} {settings} ended with {done.returncode}")
    return done.stdout.strip()


def _libpq() -> dict[str, str]:
    warehouse = Connection.get("warehouse")
    found = {
        "PGHOST": warehouse.host,
        "PGPORT": warehouse.port or 5432,
        "PGUSER": warehouse.login,
        "PGPASSWORD": warehouse.password,
        "PGDATABASE": warehouse.schema,
    }
    return {name: str(value) for name, value in found.items() if value}
