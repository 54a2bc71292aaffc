"""`make compare LEFT= RIGHT= KEY=`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from core.command_line import command, run_command
from core.settings import RangeSettings, optional_range, read_settings
from ingestion.settings import JSON
from reporting.settings import CompareSettings

if TYPE_CHECKING:
    from reporting.compare.findings import Comparison


@command(CompareSettings, RangeSettings, JSON)
def compare() -> int:
    """Compare two fact tables, wherever they are, per UTC day, without moving them: by counts and
    checksums that Postgres computes, and a look into the days that differ. Nothing is written. The
    exit status is 0 where they are equal, 1 where they differ, 2 where it cannot be told."""
    settings, days, is_json = read_settings(CompareSettings), optional_range(), JSON.read()
    from core.progress import Progress
    from reporting.compare.comparison import compare as compared
    from reporting.compare.side import open_pair

    progress = Progress(unit="")
    with open_pair(settings.left, settings.right) as pair:
        try:
            found = compared(pair, settings, days, progress)
        finally:
            progress.done()
    _show(found, settings.report, is_json)
    return 0 if found.is_equal else 1


def _show(found: Comparison, path: str, is_json: bool) -> None:
    """The report into its file, or on standard output; there the summary beside it."""
    from reporting.compare.markdown import report
    from reporting.compare.summary import print_summary

    text = report(found)
    if path:
        Path(path).write_text(text)
    if is_json:
        print(json.dumps(found.as_json(), default=str))
    elif not path:
        print(text, end="")
    print_summary(found, to_stderr=is_json or not path)


if __name__ == "__main__":
    sys.exit(run_command(compare, prog="python -m reporting.compare"))
