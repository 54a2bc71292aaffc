"""`make test-data`: the data tests of days, of all or of FROM to TO."""

from __future__ import annotations

import sys
from datetime import date

from core.command_line import command, run_command
from core.days import DayRange
from core.settings import RangeSettings, optional_range


@command(RangeSettings)
def test_data() -> None:
    """Run the data tests of the days FROM to TO; without them, of all days at once."""
    from core.progress import Progress
    from core.warehouse.server import warehouse
    from transform.build import test_days

    days = optional_range() or DayRange(date.min, date.max)
    print(test_days(warehouse(), days, Progress(unit="tests")))


if __name__ == "__main__":
    sys.exit(run_command(test_data, prog="python -m transform.test_data"))
