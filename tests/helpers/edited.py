"""A copy of the dbt project that everything in a process builds, also its children.

As a module it runs another one on the copy, such as `start("tests.helpers.edited", "transform")`.
"""

from __future__ import annotations

import os
import runpy
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.settings import ROOT
from transform import event_days, project

_LEFT_OUT = shutil.ignore_patterns("target", "logs", ".user.yml")


@contextmanager
def copied_project(folder: Path) -> Iterator[Path]:
    """The project in a folder, as it is today, for this process and what it starts by this module.

    Yields its dbt directory. A folder that had it before is parsed where it differs only.
    """
    for part in ("dbt", "core/migrations"):
        shutil.rmtree(folder / part, ignore_errors=True)
        shutil.copytree(ROOT / part, folder / part, ignore=_LEFT_OUT)
    before = {name: os.environ.get(name) for name in ("EDITED", "DBT_TARGET_PATH")}
    directory, location, places = project.PROJECT_DIR, [*project.LOCATION], {**project.PLACES}
    os.environ |= {"EDITED": str(folder), "DBT_TARGET_PATH": str(folder / "target")}
    _use(folder)
    try:
        yield folder / "dbt"
    finally:
        project.PROJECT_DIR, project.LOCATION[:] = directory, location
        project.PLACES.update(places)
        for name, value in before.items():
            os.environ.pop(name)
            os.environ.update({name: value} if value is not None else {})


def _use(folder: Path) -> None:
    project.PROJECT_DIR = folder / "dbt"
    # In place: others have imported them.
    project.LOCATION[project.LOCATION.index("--project-dir") + 1] = str(project.PROJECT_DIR)
    project.PLACES["DBT_PROJECT_DIR"] = str(project.PROJECT_DIR)


if __name__ == "__main__":
    _use(Path(os.environ["EDITED"]))
    event_days.DAYS_A_CHUNK = 2  # so that a few days are several chunks
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
