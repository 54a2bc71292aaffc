"""What each user did before a day, and whether they bought on it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd

from ingestion.days import ONE_DAY, DayRange

HISTORY = timedelta(days=7)
COUNTS = ["events", "event_types", "add_to_carts", "purchases"]
NUMERIC = [*COUNTS, "active_days", "days_since_last"]
CATEGORIES = ["user_tier", "user_region"]


def features_by_day(
    read: Callable[[DayRange], Sequence[Mapping[str, Any]]], days: DayRange
) -> Iterator[tuple[date, pd.DataFrame]]:
    """The features of each of some UTC days, in their order.

    Args:
        read: the rows of analytics.user_activity of some days. It is asked for one day at a time:
            not more than eight days are in memory, however many are wanted.
        days: the days.
    """
    recent: deque[pd.DataFrame] = deque(maxlen=HISTORY.days + 1)
    for day in DayRange(days.start - HISTORY, days.end):
        recent.append(activity_frame(read(DayRange(day, day + ONE_DAY))))
        if day in days:
            active = [each for each in recent if len(each)] or [recent[-1]]
            yield day, features_of(pd.concat(active), day)


def activity_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows of analytics.user_activity, one per day and user, as a DataFrame."""
    frame = pd.DataFrame(list(rows), columns=["event_date", "user_id", *CATEGORIES, *COUNTS])
    frame["event_date"] = pd.to_datetime(frame.event_date)
    return frame.astype({"user_id": "str"})  # no rows would say nothing of it


def features_of(activity: pd.DataFrame, day: date) -> pd.DataFrame:
    """One row per user who was active on a UTC day or in the seven days before it.

    Args:
        activity: as activity_frame makes it; other days are ignored.
        day: what is predicted is whether the user buys on it (`bought`). Everything else is known
            at its start.
    """
    rows = activity.sort_values("event_date", kind="stable")
    now = pd.Timestamp(day)
    before = rows[(rows.event_date >= now - HISTORY) & (rows.event_date < now)]
    today = rows[rows.event_date == now].set_index("user_id")
    by_user = before.groupby("user_id")
    features = by_user[COUNTS].sum().join(by_user[CATEGORIES].last())
    features["active_days"] = by_user.size()
    features["days_since_last"] = (now - by_user.event_date.max()).dt.days
    features = features.reindex(features.index.union(today.index, sort=True))
    unseen = dict.fromkeys([*COUNTS, "active_days"], 0)
    features = features.fillna(
        unseen | {"days_since_last": HISTORY.days + 1} | dict.fromkeys(CATEGORIES, "unknown")
    ).astype(dict.fromkeys(NUMERIC, "int64") | dict.fromkeys(CATEGORIES, "str"))
    features["bought"] = today.purchases.reindex(features.index).fillna(0).gt(0)
    return features.rename_axis("user_id").reset_index()
