"""A pytest plugin: markers by folder, and which tests a tier runs (docs/testing.md).

`--tier quick` is for every save, `--tier change` is what CI runs on every change: of each kind of
every matrix one case, and of the slow tests a part, chosen by TEST_SEED. Without the option, pytest
runs all it is given.
"""

from __future__ import annotations

import gc
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
    "deploy/": "unit",
    "integration/test_partition_overwrite.py": "postgres",
    "integration/test_api_matrix.py": "postgres",
    "integration/test_secrets.py": "postgres",
    "integration/test_crashes.py": "postgres",
    "": "postgres",
    "structure/": "unit",
    "unit/": "unit",
}
ORDER = list(MARKERS)
# Files of slow tests, most of them of many builds: `make test` takes a twelfth of their tests each
# time. Not what decides whether rows are lost or doubled: that runs always.
ROTA = 12
ON_ROTA = tuple(
    f"{name}.py"
    for name in """
    dbt_adapter/test_full_refresh dbt_adapter/test_increments dbt_adapter/test_names
    dbt_adapter/test_stable_view
    e2e/test_init e2e/test_services e2e/test_services_apart e2e/test_termination
    integration/test_alerts
    integration/test_bad_settings integration/test_build_lock
    integration/test_change_data_capture integration/test_compiled_sql
    integration/test_data_tests integration/test_dbt_alone integration/test_dbt_commands
    integration/test_dbt_errors integration/test_dbt_own integration/test_dbt_project
    integration/test_deletions integration/test_follow integration/test_forget
    integration/test_forget_hashed
    integration/test_forgotten integration/test_full_refresh integration/test_making_roles
    integration/test_mapping_draft
    integration/test_migrations integration/test_model_versions integration/test_not_kept
    integration/test_object_store integration/test_owed_tests
    integration/test_partition_overwrite integration/test_postgres_servers
    integration/test_profile_accounting integration/test_profiles
    integration/test_profiles_at_once integration/test_random_commands integration/test_rebuild
    integration/test_reject_reasons integration/test_replay integration/test_replay_profiles
    integration/test_resources integration/test_retention integration/test_roles
    integration/test_sampled_sources
    integration/test_secret_files integration/test_secrets integration/test_settled
    integration/test_storage_s3
    integration/test_swap_size
    integration/test_swap_snapshots integration/test_views integration/test_warehouse
    integration/test_what_is_not_ours
    """.split()
)
# Files whose tests stand on each other, those of a code location: one of them each time, whole.
FILES_ON_ROTA = tuple(
    f"{name}.py"
    for name in """
    dagster/test_automation dagster/test_checks dagster/test_dagster_command
    dagster/test_ledger_sensor dagster/test_mirror dagster/test_runs dagster/test_waiting_days
    e2e/test_ui
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
    """Without the tests on the rota that TEST_SEED did not choose."""
    seed = os.environ["TEST_SEED"]
    files: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        files[item.path.relative_to(TESTS).as_posix()].append(item)
    whole = random.Random(f"{seed} whole").sample(FILES_ON_ROTA, 1)  # noqa: S311
    chosen: set[pytest.Item] = set()
    for name, found in files.items():
        if name in ON_ROTA:
            among = random.Random(f"{seed} {name}")  # noqa: S311
            # 13 tests are one each time, and two every twelfth time.
            number = int(len(found) / ROTA + among.random())
            chosen.update(among.sample(found, number))
        elif name not in FILES_ON_ROTA or name in whole:
            chosen.update(found)
    return [item for item in items if item in chosen]
