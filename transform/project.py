"""Where the dbt project is, and its manifest."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.settings import ROOT, read_settings
from transform.settings import TransformSettings

PROJECT_DIR = ROOT / "dbt"
MIGRATIONS = ROOT / "core" / "migrations"  # macros to dbt
PROFILES_DIR = ROOT / "profiles"
TARGET_DIR = read_settings(TransformSettings).target_path
LOG_DIR = read_settings(TransformSettings).log_path
VIEWS = ("view", "stable_view")  # as what a model that is a view is materialized
MANIFEST = TARGET_DIR / "manifest.json"
LOCATION = ["--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROFILES_DIR)]
# The same for any command of dbt, also those that take no such options.
PLACES = {"DBT_PROJECT_DIR": str(PROJECT_DIR), "DBT_PROFILES_DIR": str(PROFILES_DIR)}


def project_files() -> list[Path]:
    """All that makes dbt's nodes what they are."""
    patterns = ["dbt_project.yml", "models/**/*", "macros/**/*", "tests/**/*", "own/**/*"]
    patterns += ["selectors.yml"]
    # The user's, if any.
    patterns += ["packages.yml", "dependencies.yml", "package-lock.yml"]
    found = [path for pattern in patterns for path in PROJECT_DIR.glob(pattern)]
    return sorted([*found, *MIGRATIONS.glob("*.sql")])


def project_digest(with_tests: bool = False) -> str:
    """A digest of all that makes tables what they are, the project's SQL and YAML; of tests too."""
    digest = hashlib.sha256()
    for path in project_files():
        if path.is_file() and (with_tests or PROJECT_DIR / "tests" not in path.parents):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def has_own_files() -> bool:
    """Whether the user has models, tests or packages of their own."""
    own = [path for path in (PROJECT_DIR / "own").rglob("*") if path.is_file()]
    return len(own) > 1 or (PROJECT_DIR / "packages.yml").exists()  # one is its README


@cache
def manifest() -> dict[str, Any]:
    """dbt's manifest, made anew when a file of the project is newer (dbt parse, 5 s).

    Raises:
        UserError: dbt cannot read the project.
    """
    newest = max(path.stat().st_mtime for path in project_files())
    if not MANIFEST.exists() or MANIFEST.stat().st_mtime < newest:
        done = subprocess.run(
            # The environment's own dbt: it need not be activated.
            [Path(sys.executable).with_name("dbt"), "parse", "--quiet", "--write-json"],
            check=False,
            env=os.environ | PLACES | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            raise UserError(f"dbt parse: {' '.join(done.stdout.split())}")
    nodes: dict[str, Any] = json.loads(MANIFEST.read_text())
    return nodes


def parents(unique_id: str) -> dict[str, dict[str, Any]]:
    """The models and sources that a model reads, by unique id."""
    known = manifest()["nodes"] | manifest()["sources"]
    return {parent: known[parent] for parent in known[unique_id]["depends_on"]["nodes"]}
