"""`python -m ingestion …`: the commands that need neither dbt nor Dagster."""

import sys

from ingestion.cli import main

sys.exit(main())
