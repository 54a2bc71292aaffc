"""`make transform`, and `make docs`."""

from __future__ import annotations

import sys

from dbt.cli.main import dbtRunner

from core.command_line import run_command
from core.errors import UserError
from core.progress import Progress
from core.settings import optional_range
from core.warehouse.server import warehouse
from transform.build import transform
from transform.project import LOCATION, TARGET_DIR


def _transform() -> None:
    print(transform(optional_range(), Progress(unit="models and tests")))


def _docs() -> None:
    warehouse()
    outcome = dbtRunner().invoke(["docs", "generate", "--static", "--write-json", *LOCATION])
    if not outcome.success:
        raise UserError("dbt docs generate failed, see above")
    print(f"open {TARGET_DIR / 'static_index.html'}")


sys.exit(run_command(_docs if sys.argv[1:] == ["docs"] else _transform))
