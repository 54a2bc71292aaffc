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


def start_dbt(*arguments: str, target_path: Path) -> subprocess.Popen[str]:
    """dbt as any CI calls it, such as `start_dbt("build", target_path=tmp_path)`."""
    return start(
        Path(sys.executable).with_name("dbt"),
        *arguments,
        "--project-dir",
        "dbt",
        "--profiles-dir",
        "profiles",
        DBT_TARGET_PATH=str(target_path),
        DBT_LOG_PATH=str(target_path),
    )


def finish(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """Wait for it, ten minutes at most."""
    out, _ = process.communicate(timeout=600)
    return subprocess.CompletedProcess(process.args, process.returncode, out, "")


def dbt(*arguments: str, target_path: Path) -> subprocess.CompletedProcess[str]:
    """Run dbt to its end."""
    return finish(start_dbt(*arguments, target_path=target_path))
