"""`make dagster ARGS=`: any command of Dagster, on the assets and the history of `make ui`."""

from __future__ import annotations

import os
import re
import sys

from core.command_line import run_command
from core.errors import UserError
from core.settings import ROOT
from orchestration.settings import orchestration_settings

# dbt and Python write a range with two dots, Dagster with three.
_TWO_DOTS = re.compile(r"(?<=[0-9])\.\.(?=[0-9])")


def dagster() -> None:
    """Become `dagster`, with the arguments of this process.

    Raises:
        UserError: a setting is wrong, or there is no server.
    """
    if not sys.argv[1:]:
        raise UserError("ARGS is not set: give a command of Dagster, ARGS='instance info'")
    orchestration_settings()
    from core.warehouse.server import warehouse
    from orchestration.home.prepare import prepare_home
    from transform.build import prepare_warehouse

    prepare_warehouse(warehouse())
    prepare_home()
    arguments = [_TWO_DOTS.sub("...", each) for each in sys.argv[1:]]
    os.chdir(ROOT)
    os.environ.setdefault("DAGSTER_MODULE_NAME", "orchestration.definitions")
    os.execv(sys.executable, [sys.executable, "-m", "dagster", *arguments])  # noqa: S606 - no shell


if __name__ == "__main__":
    sys.exit(run_command(dagster, [], prog="python -m orchestration.dagster_command"))
