"""`make dbt ARGS=`: any dbt command, with the settings and the server that `make` uses."""

from __future__ import annotations

import sys

from core.command_line import run_command


def dbt() -> int:
    """Run dbt with the arguments of this process; what it says is dbt's own.

    Raises:
        UserError: a setting is wrong, or there is no server.
    """
    from core.warehouse.server import warehouse
    from transform.build import prepare_warehouse
    from transform.invocation import invoke

    where = warehouse()
    prepare_warehouse(where)
    return 0 if invoke(where, sys.argv[1:]).success else 1


if __name__ == "__main__":
    sys.exit(run_command(dbt, [], prog="python -m transform.dbt"))
