"""Processes that a test runs beside itself: the project's commands, and dbt without them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from core.settings import ROOT


def start(*command: str | Path, **settings: str) -> subprocess.Popen[str]:
    """A process of the project's environment, its output and errors in one pipe."""
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def start_module(*arguments: str, **settings: str) -> subprocess.Popen[str]:
    """A Python module of the project, such as `start_module("transform")`."""
    return start(sys.executable, "-m", *arguments, **settings)


def start_dbt(*arguments: str, target_path: Path | None = None) -> subprocess.Popen[str]:
    """dbt as any CI calls it, such as `start_dbt("build")`.

    Args:
        arguments: dbt's.
        target_path: an empty folder, as in a fresh clone: dbt parses the project for 3 s then.
            Else that of the worker's other tests, which has it parsed.
    """
    target = {name: str(target_path) for name in ("DBT_TARGET_PATH", "DBT_LOG_PATH")}
    return start(
        Path(sys.executable).with_name("dbt"),
        *arguments,
        "--project-dir",
        "dbt",
        "--profiles-dir",
        "profiles",
        **(target if target_path else {}),
    )


def finish(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """Wait for it, ten minutes at most."""
    out, _ = process.communicate(timeout=600)
    return subprocess.CompletedProcess(process.args, process.returncode, out, "")


def dbt(*arguments: str, target_path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run dbt to its end."""
    return finish(start_dbt(*arguments, target_path=target_path))
