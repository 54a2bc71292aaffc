"""SOURCE=files: a URL template becomes files, each delivered on one UTC day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from ingestion.days import DayRange
from ingestion.errors import UserError
from ingestion.mapping import FORMATS, TableMapping


@dataclass(frozen=True)
class DeliveredFile:
    """A file and the UTC day it was delivered on."""

    url: str
    path: Path
    format: str
    day: date


def find_files(
    setting: str, template: str, days: DayRange, mapping: TableMapping, scratch: Path
) -> list[DeliveredFile]:
    """The files that a template names for a range of days, copied here where they are remote.

    Every file is delivered once, on the last day of the range that its template matches: a
    template without a day in it names one delivery, landed on the last day.

    Args:
        setting: the setting's name for messages, EVENTS_URL or PROFILES_URL.
        template: a URL or path with strftime fields and globs.
        days: the days to look for.
        mapping: names the format where the suffix does not.
        scratch: where remote files are copied to.

    Raises:
        UserError: nothing matches in the whole range, the place cannot be read, or a suffix
            names no known format.
    """
    delivered: dict[str, date] = {}
    try:
        filesystem, _ = fsspec.core.url_to_fs(days.start.strftime(template))
        for day in days:
            for url in filesystem.glob(day.strftime(template)):
                if not filesystem.isdir(url):
                    delivered[url] = day
    except (ImportError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{setting}={template!r} cannot be read: {reason}") from error
    if not delivered:
        raise UserError(f"{setting}={template!r} matches no file for {days}")
    files = []
    for url, day in sorted(delivered.items()):
        file_format = mapping.format or _format(setting, url)
        path = Path(url)
        if not isinstance(filesystem, LocalFileSystem):
            path = scratch / url.strip("/").replace("/", "__")
            filesystem.get_file(url, str(path))
        files.append(DeliveredFile(url, path, file_format, day))
    return files


def _format(setting: str, url: str) -> str:
    """The format that a file's suffix names, with or without .gz."""
    suffix = Path(url.removesuffix(".gz")).suffix.removeprefix(".")
    if suffix not in FORMATS:
        raise UserError(
            f"{setting}: {url} has no known format: use {', '.join(FORMATS)} (or .gz of them)"
        )
    return suffix
