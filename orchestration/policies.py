"""What assets have alike: who owns them, how often a step is tried, when they are fresh."""

from datetime import timedelta

import dagster as dg

from alerts.settings import AlertSettings
from core.settings import read_settings

OWNER = read_settings(AlertSettings).owner
# For what passes by itself: a source or server that is away, a lock. Wrong settings, refusals and
# failed tests are raised as dg.Failure(allow_retries=False).
RETRY = dg.RetryPolicy(
    max_retries=3,
    delay=5,
    backoff=dg.Backoff.EXPONENTIAL,
    jitter=dg.Jitter.PLUS_MINUS,
)
HOURLY = dg.FreshnessPolicy.time_window(fail_window=timedelta(minutes=120))
