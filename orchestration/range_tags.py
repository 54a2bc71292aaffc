"""How Dagster says which partitions a run over a range has: by tags of its own names."""

from __future__ import annotations

from core.days import DayRange


def range_tags(days: DayRange) -> dict[str, str]:
    """The tags of a run over a range of UTC days."""
    return {
        "dagster/asset_partition_range_start": f"{days.start}",
        "dagster/asset_partition_range_end": f"{days.last}",
    }
