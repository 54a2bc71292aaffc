"""The proof that increments equal a full refresh: see machine.py.

A few sequences in `make test`, as many as you like in `make test-soak`. A failing sequence is run
again by its seed, which pytest prints: make test-soak JOBS=1 INTERLEAVINGS=100 SEED=...
"""

from __future__ import annotations

import os
import sys
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from core.warehouse.embedded import stop_embedded
from tests.proof.machine import Pipeline
from tests.proof.running import coverage

INTERLEAVINGS = int(os.environ.get("INTERLEAVINGS") or 1)
# A soak has a test a core, each with its share and a seed of its own.
JOBS = int(os.environ.get("JOBS") or 1)
SEED = int(os.environ.get("SEED") or 1)


# A sequence takes some 12 s, on a busy machine several times that.
@pytest.mark.timeout(300 + 90 * INTERLEAVINGS // JOBS)
@pytest.mark.parametrize("chosen", range(SEED, SEED + JOBS))
def test_any_interleaving_ends_in_the_oracles_rows(
    chosen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not below pytest's own directory, which the start of another pytest closes to the server.
    folder = TemporaryDirectory(prefix="fact-events-proof-")
    monkeypatch.setenv("LOCAL_DIR", folder.name)
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE"):
        monkeypatch.setenv(name, "")  # restored afterwards; the machine sets its own
    bounds = settings(
        max_examples=max(INTERLEAVINGS // JOBS, 1),
        stateful_step_count=int(os.environ.get("STEPS") or 6),
        deadline=None,
        database=None,
        phases=[Phase.generate],  # shrinking would take hours; the seed reproduces the failure
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    try:
        run_state_machine_as_test(seed(chosen)(Pipeline), settings=bounds)
    finally:
        stop_embedded()
        folder.cleanup()
        # Not to stdout, which pytest's workers have no use for.
        print(f"\nseed {chosen}: {coverage()}", file=sys.__stderr__, flush=True)
