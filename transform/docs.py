"""`make docs`: dbt's documentation of all models, as one page."""

from __future__ import annotations

import sys

from core.command_line import command, run_command
from core.errors import UserError


@command()
def docs() -> None:
    """Write dbt's documentation of all models; UserError where dbt fails."""
    from core.warehouse.server import warehouse
    from transform.invocation import invoke
    from transform.project import TARGET_DIR

    outcome = invoke(warehouse(), ["docs", "generate", "--static", "--write-json"])
    if not outcome.success:
        raise UserError("dbt docs generate failed, see above")
    print(f"open {TARGET_DIR / 'static_index.html'}")


if __name__ == "__main__":
    sys.exit(run_command(docs, prog="python -m transform.docs"))
