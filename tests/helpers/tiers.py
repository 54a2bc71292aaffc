"""A pytest plugin: markers by folder, and which tests a tier runs (docs/testing.md).

`--tier quick` is for every save, `--tier change` is what CI runs on every change: of each kind of
every matrix one case, and of the slow tests every third, chosen by TEST_SEED. Without the option,
pytest runs all it is given.
"""

from __future__ import annotations

import gc
import math
import os
import random
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).resolve().parents[1]
TIERS = ("quick", "change", "full")

# By the start of a test's path below tests/, the longest that fits. Where several workers share the
# tests they run in this order: what takes long comes first, so that none is left alone with it.
MARKERS = {
    "proof/": "proof",
    "e2e/test_ui.py": "browser",
    "e2e/": "postgres",
    "dagster/": "dagster",
    "integration/test_partition_overwrite.py": "postgres",
    "integration/test_api_matrix.py": "postgres",
    "integration/test_secrets.py": "postgres",
    "integration/test_crashes.py": "postgres",
    "": "postgres",
    "structure/": "unit",
    "unit/": "unit",
}
ORDER = list(MARKERS)
# Files of slow tests, most of them of many builds: `make test` takes a third of a file's each time.
# Not what decides whether rows are lost or doubled: that runs always. Nor tests that stand on each
# other, as those of a code location do (dagster/).
ROTA = 3
ON_ROTA = tuple(
    f"{name}.py"
    for name in """
    e2e/test_services e2e/test_termination
    integration/test_build_lock integration/test_data_tests integration/test_dbt_alone
    integration/test_dbt_commands integration/test_dbt_errors integration/test_dbt_own
    integration/test_dbt_project integration/test_deletions integration/test_forgotten
    integration/test_model_versions integration/test_owed_tests integration/test_postgres_servers
    integration/test_profile_accounting integration/test_profiles integration/test_profiles_at_once
    integration/test_rebuild integration/test_reject_reasons integration/test_replay
    integration/test_replay_profiles integration/test_retention integration/test_swap_snapshots
    integration/test_warehouse integration/test_what_is_not_ours
    """.split()
)


def matrix(names: str, kinds: Mapping[str, Mapping[str, Any]]) -> pytest.MarkDecorator:
    """Parametrize by {kind: {id: value or values}}: `make test` runs one case of each kind."""
    several = "," in names
    return pytest.mark.parametrize(
        names,
        [
            pytest.param(
                *(values if several else (values,)), id=case, marks=pytest.mark.matrix(kind)
            )
            for kind, cases in kinds.items()
            for case, values in cases.items()
        ],
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--tier", choices=TIERS, default="full", help="which tests: docs/testing.md")


def pytest_configure(config: pytest.Config) -> None:
    # In the environment: xdist's workers must choose the same.
    os.environ.setdefault("TEST_SEED", str(random.SystemRandom().randrange(10_000)))


def pytest_report_header(config: pytest.Config) -> str:
    return f"tier {config.getoption('--tier')}, TEST_SEED={os.environ['TEST_SEED']}"


@pytest.hookimpl(tryfirst=True)  # -m sees these markers
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: ORDER.index(folder_of(item)))
    for item in items:
        item.add_marker(MARKERS[folder_of(item)])
        if item.path.relative_to(TESTS).as_posix() in ON_ROTA:
            item.add_marker("rota")
    tier = config.getoption("--tier")
    kept = items
    if tier == "quick":
        kept = [item for item in items if is_any(item, "unit", "quick")]
    elif tier == "change":
        kept = one_of_each([item for item in items if not is_any(item, "full")])
        kept = whose_turn_it_is(kept)
    chosen = set(kept)
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = kept


def pytest_collection_finish(session: pytest.Session) -> None:
    """What all tests import is no garbage: not to look through it is an eighth of their time."""
    gc.collect()
    gc.freeze()


def folder_of(item: pytest.Item) -> str:
    """The key of MARKERS that a test has its marker by."""
    path = item.path.relative_to(TESTS).as_posix()
    return max((start for start in MARKERS if path.startswith(start)), key=len)


def is_any(item: pytest.Item, *markers: str) -> bool:
    return any(item.get_closest_marker(marker) for marker in markers)


def one_of_each(items: list[pytest.Item]) -> list[pytest.Item]:
    """Without the cases of matrices that TEST_SEED did not choose."""
    cases: dict[tuple[str, str], list[pytest.Item]] = defaultdict(list)
    for item in items:
        for marker in item.iter_markers("matrix"):
            cases[item.nodeid.partition("[")[0], marker.args[0]].append(item)
    left = set()
    for key, found in cases.items():
        # Of the key too: another matrix must not move with the length of this one.
        chosen = random.Random(f"{os.environ['TEST_SEED']} {key}").choice(found)  # noqa: S311
        left.update(item for item in found if item is not chosen)
    return [item for item in items if item not in left]


def whose_turn_it_is(items: list[pytest.Item]) -> list[pytest.Item]:
    """Of the tests of each file that is on the rota, those that TEST_SEED chose, at least one."""
    files: dict[Path, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if is_any(item, "rota"):
            files[item.path].append(item)
    chosen: set[pytest.Item] = set()
    for path, found in files.items():
        among = random.Random(f"{os.environ['TEST_SEED']} {path.name}")  # noqa: S311
        chosen.update(among.sample(found, math.ceil(len(found) / ROTA)))
    return [item for item in items if item in chosen or not is_any(item, "rota")]
