"""The proof that increments equal a full refresh: see machine.py.

A few sequences in `make test`, as many as you like in `make test-soak`. A failing sequence is run
again by its seed, which pytest prints: make test-soak SEED=...
"""

from __future__ import annotations

import os
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from ingestion.warehouse import stop_embedded
from tests.proof.machine import Pipeline, coverage


def test_any_interleaving_ends_in_the_oracles_rows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Not below pytest's own directory, which the start of another pytest closes to the server.
    folder = TemporaryDirectory(prefix="fact-events-proof-")
    monkeypatch.setenv("LOCAL_DIR", folder.name)
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE"):
        monkeypatch.setenv(name, "")  # restored afterwards; the machine sets its own
    bounds = settings(
        max_examples=int(os.environ.get("INTERLEAVINGS") or 4),
        stateful_step_count=int(os.environ.get("STEPS") or 6),
        deadline=None,
        database=None,
        phases=[Phase.generate],  # shrinking would take hours; the seed reproduces the failure
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    chosen = int(os.environ.get("SEED") or 1)
    try:
        run_state_machine_as_test(seed(chosen)(Pipeline), settings=bounds)
    finally:
        stop_embedded()
        folder.cleanup()
        with capsys.disabled():
            print(f"\nseed {chosen}: {coverage()}")
