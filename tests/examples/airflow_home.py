"""Airflow of its own environment, as processes: a home of its own, `dag.test()`, commands."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.settings import ROOT
from core.warehouse.connection import Warehouse
from tests.helpers.processes import END

EXAMPLE = ROOT / "examples" / "airflow"
LONG = 3600  # seconds in which any number of runs has ended
PYTHON = EXAMPLE / ".venv" / "bin" / "python"


@dataclass(frozen=True)
class Airflow:
    """A home of Airflow, and the settings that its processes have."""

    home: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """What `dag.test()` has said."""
        return self.home / "dag_test.log"

    @property
    def env(self) -> dict[str, str]:
        """The environment of its processes; of the tests' own nothing but libpq's variables."""
        return {
            **os.environ,
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLE / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "DO_NOT_TRACK": "1",
            "FACT_EVENTS_HOME": str(ROOT),
            "RETRY_SECONDS": "1",
            **self.settings,
        }

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """A program of its environment, to its end."""
        return subprocess.run(
            [*arguments], env=self.env, capture_output=True, text=True, check=False, timeout=END
        )

    def command(self, *arguments: str) -> str:
        """What a command of `airflow` printed."""
        done = self.run(PYTHON.with_name("airflow"), *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def test(self, dag_id: str, *days: str, **settings: str) -> list[dict[str, Any]]:
        """`dag.test()` for the logical dates of some days: the state of each run, and its tasks.

        Args:
            dag_id: the DAG.
            days: UTC days.
            settings: environment variables; CONF is the runs' configuration, as JSON.
        """
        script = ROOT / "tests" / "examples" / "dag_test.py"
        with self.log.open("a") as log:
            done = subprocess.run(
                [PYTHON, script, dag_id, *days],
                env=self.env | settings,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                check=False,
                timeout=LONG,
            )
        assert done.returncode == 0, self.log.read_text()
        return [json.loads(line) for line in done.stdout.splitlines()]


def connection(warehouse: Warehouse) -> dict[str, str]:
    """Airflow's connection `warehouse`, as its environment says it."""
    found = {
        "conn_type": "postgres",
        "host": warehouse.host,
        "port": int(warehouse.port),
        "login": warehouse.user,
        "password": warehouse.password,
        "schema": warehouse.database,
    }
    return {"AIRFLOW_CONN_WAREHOUSE": json.dumps(found)}


def mail_to(url: str) -> dict[str, str]:
    """Airflow's connection to a mail server on loopback."""
    found = {
        "conn_type": "smtp",
        "host": "127.0.0.1",
        "port": int(url.rpartition(":")[2]),
        "extra": {"disable_ssl": True, "disable_tls": True},
    }
    return {"AIRFLOW_CONN_SMTP_DEFAULT": json.dumps(found)}
