"""What plain `make` commands make of the scenario: every other driver is compared with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.warehouse.connection import Warehouse
from tests.conftest import copied
from tests.examples.airflow_home import EXAMPLE, Airflow
from tests.examples.prefect_server import require_environment
from tests.examples.scenario import Outcome, Surroundings, by_make, play, surroundings
from tests.helpers.processes import dbt


@pytest.fixture(scope="session")
def made_by_make(
    server: Warehouse, landing_tables: str, tmp_path_factory: pytest.TempPathFactory
) -> Outcome:
    """The outcome of the scenario by `make ingest` and `make transform`."""
    folder = tmp_path_factory.mktemp("by-make")
    with (
        copied(server, "made_by_make", landing_tables) as warehouse,
        surroundings(folder) as around,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in (warehouse.libpq_env() | {"ENV_FILE": os.devnull}).items():
            patch.setenv(name, value)
        return play(by_make, warehouse, around)


@pytest.fixture
def around(warehouse: Warehouse, tmp_path: Path) -> Iterator[Surroundings]:
    """The two sources, for a driver in a test; its warehouse is `warehouse`."""
    with surroundings(tmp_path) as found:
        yield found


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of Airflow, with its database, and the manifest that Cosmos makes tasks of."""
    require_environment(EXAMPLE)
    assert dbt("parse", "--target-path", "target").returncode == 0
    folder = tmp_path_factory.mktemp("airflow")
    Airflow(folder).command("db", "migrate")
    return folder
