"""A database and a project of the strategies' folder for all tests of a file: dbt parses once."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from core.warehouse.connection import Warehouse
from tests.conftest import copied
from tests.helpers.servers import database_of_worker
from tests.helpers.strategy_project import StrategyProject


@pytest.fixture(scope="module")
def project(
    server: Warehouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StrategyProject]:
    """The project, with the models that the file's tests write into it."""
    with (
        copied(server, f"{database_of_worker()}_adapter", "template1") as found,
        pytest.MonkeyPatch.context() as patch,
    ):
        for variable, value in (found.libpq_env() | {"ENV_FILE": os.devnull}).items():
            patch.setenv(variable, value)
        yield StrategyProject(tmp_path_factory.mktemp("elsewhere"), found)


@pytest.fixture(autouse=True)
def server_of_the_file(project: StrategyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """The PG* variables name the file's database, which every test begins without."""
    for variable, value in project.warehouse.libpq_env().items():
        monkeypatch.setenv(variable, value)


@pytest.fixture(scope="module")
def roles(project: StrategyProject) -> Iterator[None]:
    """Roles of other people: of the server, so they go at the end."""
    project.run_sql("create role analyst; create role auditor; create role dba")
    yield
    project.run_sql(
        "reassign owned by analyst, auditor, dba to current_user;"
        "drop owned by analyst, auditor, dba; drop role analyst, auditor, dba"
    )
