"""What each user did before a day, and whether they bought on it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pandas as pd

from core.days import ONE_DAY, DayRange

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
            not more than nine days are in memory, however many are wanted.
        days: the days.
    """
    recent: deque[pd.DataFrame] = deque(maxlen=HISTORY.days + 1)
    # Postgres looks up the next day while this one is worked on.
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(read, DayRange.of(days.start - HISTORY))
        for day in DayRange(days.start - HISTORY, days.end):
            rows, after = coming.result(), day + ONE_DAY
            if after < days.end:
                coming = pool.submit(read, DayRange.of(after))
            recent.append(activity_frame(rows))
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
    now = pd.Timestamp(day)
    rows = activity[(activity.event_date >= now - HISTORY) & (activity.event_date <= now)]
    rows = rows.sort_values("event_date", kind="stable")
    # Users as numbers: joins of frames by name were two thirds of the time.
    users, names = pd.factorize(rows.user_id, sort=True)
    everyone = pd.RangeIndex(len(names))
    is_before = (rows.event_date < now).to_numpy()
    by_user = rows[is_before].groupby(users[is_before])
    features = by_user[COUNTS].sum().reindex(everyone, fill_value=0)
    features[CATEGORIES] = by_user[CATEGORIES].last().reindex(everyone).fillna("unknown")
    features["active_days"] = by_user.size().reindex(everyone, fill_value=0)
    since_last = (now - by_user.event_date.max()).dt.days
    features["days_since_last"] = since_last.reindex(everyone, fill_value=HISTORY.days + 1)
    features["bought"] = everyone.isin(users[~is_before & (rows.purchases > 0).to_numpy()])
    features.insert(0, "user_id", names)
    # Where nobody was active before, pandas has no types.
    return features.astype(dict.fromkeys(NUMERIC, "int64") | dict.fromkeys(CATEGORIES, "str"))
