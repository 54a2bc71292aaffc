"""Where Dagster keeps its runs and events: LOCAL_DIR/dagster, with the settings of dagster.yaml."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ingestion.settings import local_dir


def prepare_home() -> Path:
    """Create Dagster's home, or use DAGSTER_HOME where it is set, and return it."""
    if os.environ.get("DAGSTER_HOME"):
        return Path(os.environ["DAGSTER_HOME"])
    home = local_dir() / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(__file__).with_name("dagster.yaml"), home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(home)
    return home
