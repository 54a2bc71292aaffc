"""Taking a user out of what Dagster keeps: previews in its history, files of Python assets."""

from __future__ import annotations

from collections import Counter

import pandas as pd
from upath import UPath

from orchestration.home.history import delete_runs_that_show
from orchestration.io_manager import Storage


def forget_user(user: str) -> dict[str, int]:
    """Delete a user's rows from stored DataFrames, and the runs whose previews show them.

    Models that were trained on those rows stay: they hold weights, no users.

    Args:
        user: their user_id.

    Returns:
        By asset, the rows deleted; and how many runs.

    Raises:
        UserError: a run that shows the user has not ended.
    """
    deleted = _from_files(UPath(Storage().url), user)
    return {**deleted, "Dagster's runs": delete_runs_that_show(user)}


def _from_files(storage: UPath, user: str) -> Counter[str]:
    deleted: Counter[str] = Counter()
    for file in sorted(storage.glob("*/*.parquet")) if storage.exists() else ():
        with file.open("rb") as handle:
            frame = pd.read_parquet(handle)
        if "user_id" not in frame.columns:
            continue
        others = frame[frame.user_id != user]
        deleted[file.parent.name] += len(frame) - len(others)
        if len(others) < len(frame):
            part = file.with_name(f"{file.name}.forget")
            with part.open("wb") as handle:
                others.to_parquet(handle)
            part.rename(file)
    return deleted
