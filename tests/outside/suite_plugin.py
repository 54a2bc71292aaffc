"""For pytest in the official suite of dbt-postgres: our macros, in each of its projects.

Loaded there by itself (`-p suite_plugin`), without this repository.
"""

from __future__ import annotations

import os
import shutil
from typing import Any

from dbt.tests.fixtures import project
from dbt_common.behavior_flags import BehaviorFlagRendered

# Reads the source of the whole stack, which pytest makes deep: half of the suite's time. What it
# finds is the word of a message.
BehaviorFlagRendered._default_source = staticmethod(lambda: "dbt")

FOLDER = os.environ.get("OUR_MACROS", "")
_written_by_dbt = project.write_project_files


def _with_our_macros(project_root: Any, dir_name: str, file_dict: Any) -> None:
    """What the suite writes into a folder of a project, and ours beside its macros."""
    _written_by_dbt(project_root, dir_name, file_dict)
    if dir_name == "macros" and FOLDER:
        shutil.copytree(FOLDER, project_root / dir_name / "ours")


project.write_project_files = _with_our_macros
