"""Taking a user out of what Dagster keeps: its history, and files of Python assets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd
from upath import UPath

from orchestration.home.history import (
    RUNS,
    count_runs_that_show,
    delete_runs_that_show,
    is_going_on,
)
from orchestration.io_manager import Storage


def count_user(*ids: str) -> dict[str, int]:
    """How many rows of a user each asset has in its files, and how many runs of Dagster show them.

    Args:
        ids: whatever user_id has of them.
    """
    found: Counter[str] = Counter()
    for file in _files("*.parquet"):
        found[_asset(file)] += int(_is_of(_frame(file), ids).sum())
    return {**found, RUNS: count_runs_that_show(*ids)}


def forget_user(*ids: str) -> dict[str, int]:
    """Delete a user's rows from stored DataFrames, and the runs that show them; also what killed
    runs left of files, whoever is in them.

    Models that were trained on those rows stay: they hold weights, no users.

    Args:
        ids: whatever user_id has of them.

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
        is_theirs = _is_of(frame, ids)
        deleted[_asset(file)] += int(is_theirs.sum())
        if is_theirs.any():
            part = file.with_name(f"{file.name}.forget")
            with part.open("wb") as handle:
                frame[~is_theirs].to_parquet(handle)
            part.rename(file)
    return {**deleted, RUNS: delete_runs_that_show(*ids)}


def _files(pattern: str) -> list[UPath]:
    storage = UPath(Storage().url)
    return sorted(storage.rglob(pattern)) if storage.exists() else []


def _asset(file: UPath) -> str:
    return "/".join(file.relative_to(UPath(Storage().url)).parts[:-1])


def _frame(file: UPath) -> pd.DataFrame:
    with file.open("rb") as handle:
        return pd.read_parquet(handle)


def _is_of(frame: pd.DataFrame, ids: Sequence[str]) -> pd.Series[bool]:
    """Which rows are a user's, whatever the type of their ids."""
    if "user_id" not in frame.columns:
        return pd.Series(False, index=frame.index)
    return frame.user_id.astype("string").isin(ids).fillna(False).astype(bool)
