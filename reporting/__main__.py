"""`make report`."""

import sys

from core.command_line import run_command
from core.warehouse.server import warehouse
from reporting.report import print_report

sys.exit(run_command(lambda: print_report(warehouse())))
