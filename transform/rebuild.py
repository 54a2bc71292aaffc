"""Days anew with today's models: `make rebuild`, and what `REBUILD=auto` does.

Where only the logic of a model was edited, day by day: in chunks, the newest first. Where its key
or its columns are others, the whole table beside the one in place, which it replaces at once.
"""

from __future__ import annotations

import sys

from core.command_line import command, run_command
from core.days import DayRange
from core.progress import Progress
from core.settings import RangeSettings, optional_range
from core.warehouse.audit import audited
from core.warehouse.connection import Warehouse
from transform.settings import MAX_UNKNOWN_USERS, SWAP_WAIT


def rebuild(warehouse: Warehouse, days: DayRange | None, progress: Progress) -> str:
    """Build days with today's models; killed, the next call goes on where it was.

    Each chunk is a build of its own: readers see its days old or new.

    Args:
        warehouse: where.
        days: UTC days; None for those that other models have built than today's.
        progress: shows each chunk's models and tests.

    Returns:
        A line about it.

    Raises:
        UserError: a model or a blocking test failed; the chunks before are built. Or there is no
            room on the disk for a table that has to be built whole.
    """
    from transform.build import build, prepare_warehouse, rebuild_tables
    from transform.event_days import chunks, state

    prepare_warehouse(warehouse)
    with audited(warehouse, "rebuild", f"{days or 'days on older models'}"):
        tables = rebuild_tables(warehouse, progress)
        if days is None:
            # What was edited since the last build is not known to the days before.
            print(build(warehouse, None, progress))
        wanted = list(days) if days else state(warehouse).older
        ranges = chunks(wanted)
        for number, chunk in enumerate(ranges, 1):
            print(f"{number}/{len(ranges)} {chunk}: {build(warehouse, chunk, progress)}")
    whole = f"{', '.join(tables)} built whole, " if tables else ""
    return f"{whole}{len(wanted)} days rebuilt"


@command(RangeSettings, MAX_UNKNOWN_USERS, SWAP_WAIT)
def _rebuild() -> None:
    """Build the days FROM to TO with today's models; without them, those on older models."""
    from core.warehouse.server import warehouse

    days = optional_range()
    print(rebuild(warehouse(), days, Progress(unit="models and tests")))


if __name__ == "__main__":
    sys.exit(run_command(_rebuild, prog="python -m transform.rebuild"))
