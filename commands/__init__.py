"""What make runs without Dagster: ingestion, then dbt, of the days asked for."""

import gc

# dbt and Dagster make millions of objects that stay: looking for garbage after each 700 new ones is
# a twentieth of a day's run.
gc.set_threshold(50_000)
