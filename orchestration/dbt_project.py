"""The dbt project as Dagster sees it: its manifest, and how its nodes become assets."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings

from commands.transform import LOCATION, MANIFEST, PROJECT_DIR

# The environment's own dbt: it need not be activated.
DBT = Path(sys.executable).with_name("dbt")


def manifest() -> Path:
    """The manifest's path, made anew when a file of the project is newer (dbt parse, 5 s)."""
    newest = max(
        path.stat().st_mtime
        for pattern in ("dbt_project.yml", "models/**/*", "macros/**/*", "tests/**/*")
        for path in PROJECT_DIR.glob(pattern)
    )
    if not MANIFEST.exists() or MANIFEST.stat().st_mtime < newest:
        subprocess.run(
            [DBT, "parse", "--quiet", *LOCATION],
            check=True,
            env=os.environ | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
        )
    return MANIFEST


class Translator(DagsterDbtTranslator):
    """Groups are dbt's folders; the raw tables and the ledger are what ingestion materializes."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The folder below models/."""
        folders = dbt_resource_props["fqn"][1:-1]
        return folders[0] if folders else None
