"""What each user did before a day, and whether they bought on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd

from ingestion.days import DayRange

HISTORY = timedelta(days=7)
COUNTS = ["events", "event_types", "add_to_carts", "purchases"]
NUMERIC = [*COUNTS, "active_days", "days_since_last"]
CATEGORIES = ["user_tier", "user_region"]


def window(days: DayRange) -> DayRange:
    """The UTC days of activity that the features of `days` are made of."""
    return DayRange(days.start - HISTORY, days.end)


def features_of(activity: Sequence[Mapping[str, Any]], day: date) -> pd.DataFrame:
    """One row per user who was active on a UTC day or in the seven days before it.

    Args:
        activity: rows of analytics.user_activity, one per day and user; other days are ignored.
        day: what is predicted is whether the user buys on it (`bought`). Everything else is known
            at its start.
    """
    columns = ["event_date", "user_id", *CATEGORIES, *COUNTS]
    rows = pd.DataFrame(list(activity), columns=columns).sort_values(["event_date", "user_id"])
    before = rows[(rows.event_date >= day - HISTORY) & (rows.event_date < day)]
    today = rows[rows.event_date == day].set_index("user_id")
    by_user = before.groupby("user_id")
    features = by_user[COUNTS].sum().join(by_user[CATEGORIES].last())
    features["active_days"] = by_user.size()
    # Plain days: subtracting object columns of dates would give objects.
    last = pd.to_datetime(by_user.event_date.max())
    features["days_since_last"] = (pd.Timestamp(day) - last).dt.days
    features = features.reindex(features.index.union(today.index, sort=True))
    unseen = dict.fromkeys([*COUNTS, "active_days"], 0)
    features = features.fillna(
        unseen | {"days_since_last": HISTORY.days + 1} | dict.fromkeys(CATEGORIES, "unknown")
    ).astype(dict.fromkeys(NUMERIC, "int64") | dict.fromkeys(CATEGORIES, "str"))
    features["bought"] = today.purchases.reindex(features.index).fillna(0).gt(0)
    return features.rename_axis("user_id").reset_index()
