"""`python -m ingestion …`: the commands that need neither dbt nor Dagster."""

import sys

# pyarrow and dlt import pandas where it is installed, in case they are given its frames, which they
# are not here: a third of a small ingestion's time (0.8 s of 2.6). For URLs dlt takes SQLAlchemy,
# or its own code where that is not installed (0.06 s). None in sys.modules says "not installed".
sys.modules["pandas"] = sys.modules["sqlalchemy"] = None  # type: ignore[assignment]

from ingestion.cli import main  # noqa: E402

sys.exit(main())
