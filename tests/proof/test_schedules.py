"""Any schedule of three processes ends in the oracle's rows: see schedules.py.

One in `make test`, `SCHEDULES=` in `make test-soak`. A failing one is run again by its seed, which
it names: make test-soak SCHEDULES=1 SEED=...
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from core.warehouse.embedded import stop_embedded
from tests.proof.running import coverage
from tests.proof.schedules import Schedule

SCHEDULES = int(os.environ.get("SCHEDULES") or 1)
SEED = int(os.environ.get("SEED") or 1)
ROUNDS = int(os.environ.get("ROUNDS") or 3)


@pytest.fixture(scope="module")
def local_dir() -> Iterator[str]:
    """Not below pytest's own directory, which the start of another pytest closes to the server."""
    with (
        TemporaryDirectory(prefix="fact-events-schedules-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("LOCAL_DIR", folder)
        yield folder
        patch.setenv("LOCAL_DIR", folder)
        stop_embedded()


# A round takes some 10 s, on a busy machine several times that.
@pytest.mark.timeout(120 + 90 * ROUNDS)
@pytest.mark.parametrize("seed", range(SEED, SEED + SCHEDULES))
def test_any_schedule_ends_in_the_oracles_rows(
    seed: int, local_dir: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_DIR", local_dir)  # restored afterwards; the schedule sets its own
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE"):
        monkeypatch.setenv(name, "")
    try:
        Schedule(seed, ROUNDS, tmp_path).run()
    finally:
        print(f"\nseed {seed}: {coverage()}", file=sys.__stderr__, flush=True)
