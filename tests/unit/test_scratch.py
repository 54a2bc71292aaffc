"""Working directories: in use, and left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from core.scratch import scratch_directory
from core.settings import ROOT
from tests.helpers.waiting import LONG

HOLD = """
from core.scratch import scratch_directory
with scratch_directory() as directory:
    (directory / "page").write_text("fetched")
    print(directory, flush=True)
    input()
"""


def hold() -> tuple[subprocess.Popen[str], Path]:
    """A process that uses a working directory until it is told to end."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=ROOT, stdin=pipe, stdout=pipe, text=True
    )
    assert process.stdout
    return process, Path(process.stdout.readline().strip())


def test_what_a_killed_process_left_is_removed_and_what_is_in_use_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("LOCAL_DIR", str(tmp_path))
    killed, left = hold()
    working, used = hold()
    killed.kill()
    killed.communicate(timeout=LONG)
    assert (left / "page").exists()
    with scratch_directory() as first, scratch_directory() as second:
        assert set((tmp_path / "scratch").iterdir()) == {used, first, second}
        assert (used / "page").read_text() == "fetched"
    working.communicate("\n", timeout=LONG)
    assert working.returncode == 0
    assert not list((tmp_path / "scratch").iterdir())
