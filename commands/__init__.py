"""What make runs without Dagster: ingestion, then dbt, of the days asked for."""

import gc

# dbt and Dagster make millions of objects that stay: looking for garbage after each 700 new ones is
# a seventh of a day's run. A run makes fewer than 200,000: with 50,000 Python looks twice, for
# 0.05 s.
gc.set_threshold(200_000)
