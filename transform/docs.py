"""`make docs`: dbt's documentation of all models, as one page."""

from __future__ import annotations

import sys

from core.command_line import command, run_command
from core.errors import UserError


@command()
def docs() -> None:
    """Write dbt's documentation of all models; UserError where dbt fails."""
    from dbt.cli.main import dbtRunner

    from core.warehouse.server import warehouse
    from transform.project import LOCATION, TARGET_DIR

    warehouse()
    outcome = dbtRunner().invoke(["docs", "generate", "--static", "--write-json", *LOCATION])
    if not outcome.success:
        raise UserError("dbt docs generate failed, see above")
    print(f"open {TARGET_DIR / 'static_index.html'}")


if __name__ == "__main__":
    sys.exit(run_command(docs, prog="python -m transform.docs"))
