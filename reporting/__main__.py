"""`make report`."""

from ingestion.cli import end_process, run_command
from ingestion.warehouse import warehouse
from reporting.report import print_report

end_process(run_command(lambda: print_report(warehouse())))
