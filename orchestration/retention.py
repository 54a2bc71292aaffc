"""Taking a user out of what Dagster keeps: its history, and files of Python assets."""

from __future__ import annotations

from collections import Counter

import pandas as pd
from upath import UPath

from orchestration.home.history import (
    RUNS,
    count_runs_that_show,
    delete_runs_that_show,
    is_going_on,
)
from orchestration.io_manager import Storage


def count_user(user: str) -> dict[str, int]:
    """How many rows of a user each asset has in its files, and how many runs of Dagster show them.

    Args:
        user: their user_id.
    """
    found: Counter[str] = Counter()
    for file in _files("*.parquet"):
        found[_asset(file)] += int(_is_of(_frame(file), user).sum())
    return {**found, RUNS: count_runs_that_show(user)}


def forget_user(user: str) -> dict[str, int]:
    """Delete a user's rows from stored DataFrames, and the runs that show them; also what killed
    runs left of files, whoever is in them.

    Models that were trained on those rows stay: they hold weights, no users.

    Args:
        user: their user_id.

    Returns:
        By asset, the rows deleted; and how many runs.

    Raises:
        UserError: a run that shows the user has not ended.
    """
    deleted: Counter[str] = Counter()
    for part in _files("*.parquet.*"):  # as the IO manager calls them: the end is the run
        if not is_going_on(part.name.rpartition(".")[2]):
            part.unlink()
    for file in _files("*.parquet"):
        frame = _frame(file)
        is_theirs = _is_of(frame, user)
        deleted[_asset(file)] += int(is_theirs.sum())
        if is_theirs.any():
            part = file.with_name(f"{file.name}.forget")
            with part.open("wb") as handle:
                frame[~is_theirs].to_parquet(handle)
            part.rename(file)
    return {**deleted, RUNS: delete_runs_that_show(user)}


def _files(pattern: str) -> list[UPath]:
    storage = UPath(Storage().url)
    return sorted(storage.rglob(pattern)) if storage.exists() else []


def _asset(file: UPath) -> str:
    return "/".join(file.relative_to(UPath(Storage().url)).parts[:-1])


def _frame(file: UPath) -> pd.DataFrame:
    with file.open("rb") as handle:
        return pd.read_parquet(handle)


def _is_of(frame: pd.DataFrame, user: str) -> pd.Series[bool]:
    """Which rows are a user's, whatever the type of their ids."""
    if "user_id" not in frame.columns:
        return pd.Series(False, index=frame.index)
    return frame.user_id.astype("string").eq(user).fillna(False).astype(bool)
