"""`make report`."""

import sys

from ingestion.cli import run_command
from ingestion.warehouse import warehouse
from reporting.report import print_report

sys.exit(run_command(lambda: print_report(warehouse())))
