"""`make dbt ARGS=`: any dbt command, with the settings and the server that `make` uses."""

from __future__ import annotations

import sys

from dbt.cli.exceptions import DbtUsageException

from core.command_line import run_command


def dbt() -> int:
    """Run dbt with the arguments of this process; what it says is dbt's own.

    Raises:
        UserError: a setting is wrong, there is no server, or dbt has no such command or option.
    """
    from core.errors import UserError
    from core.warehouse.server import warehouse
    from transform.invocation import invoke

    if not sys.argv[1:]:
        raise UserError("ARGS is not set: give a command of dbt, ARGS='compile -s fact_events'")
    outcome = invoke(warehouse(), sys.argv[1:])
    if isinstance(outcome.exception, DbtUsageException):  # the one that dbt itself does not print
        raise UserError(f"ARGS: {' '.join(str(outcome.exception).split())}")
    return 0 if outcome.success else 1


if __name__ == "__main__":
    sys.exit(run_command(dbt, [], prog="python -m transform.dbt"))
