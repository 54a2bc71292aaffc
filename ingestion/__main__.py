"""`python -m ingestion …`: the commands that need neither dbt nor Dagster."""

import gc
import sys

from ingestion.imports import leave_out

leave_out()

from ingestion.cli import main  # noqa: E402

status = main()
# At its end Python looks through all that was imported and made for garbage: 0.24 of a small
# ingestion's 1.4 CPU seconds. What is frozen it leaves alone; atexit and coverage work as ever.
gc.freeze()
sys.exit(status)
