"""`make transform`: dbt build of the days that are out of date, or of FROM to TO."""

from __future__ import annotations

import sys

from core.command_line import command, run_command
from core.settings import RangeSettings, optional_range
from transform.settings import MAX_UNKNOWN_USERS, SWAP_WAIT


@command(RangeSettings, MAX_UNKNOWN_USERS, SWAP_WAIT)
def transform() -> None:
    """Run dbt build of the days FROM to TO; without them, of what loads have touched since."""
    days = optional_range()
    from core.progress import Progress  # what a command needs, when it runs: --help is quick
    from core.warehouse.server import warehouse
    from transform.settled import settled

    where = warehouse()
    said = settled(where) if days is None else ""
    if not said:
        from transform.build import transform  # imports dbt, a second

        said = transform(where, days, Progress(unit="models and tests"))
    print(said)


if __name__ == "__main__":
    sys.exit(run_command(transform, prog="python -m transform"))
