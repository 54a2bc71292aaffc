"""`make report`."""

import sys

from core.command_line import command, run_command


@command()
def report() -> None:
    """Show events per day, where every received record went, and why some were rejected."""
    from core.warehouse.server import warehouse
    from reporting.report import print_report

    print_report(warehouse())


if __name__ == "__main__":
    sys.exit(run_command(report, prog="python -m reporting"))
