"""SOURCE=files: a URL template becomes files, each delivered on one UTC day."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from core.days import DayRange
from core.errors import Unavailable, UserError
from ingestion.mapping.mapping import TableMapping
from ingestion.source.fetching import fetched_ahead
from ingestion.source.names import format_of, has_glob, hint, is_data, is_http, shown
from ingestion.source.unit import Unit

# Objects that are copied at the same time; s3fs copies a large one in parts of its own.
DOWNLOADS = 8
# Of copies on the disk, and of what is about to be unpacked beside them.
COPIED_BYTES = 512 * 2**20


@dataclass(frozen=True)
class FoundFile:
    """A file that a template names: its UTC day of delivery, its bytes, and what reads it."""

    url: str
    format: str
    day: date
    size: int
    filesystem: fsspec.AbstractFileSystem

    @property
    def is_remote(self) -> bool:
        """Whether it has to be copied to be read."""
        return not isinstance(self.filesystem, LocalFileSystem)

    def fetch(self, target: Path) -> Unit:
        """The file as a unit, copied to `target` where it is remote.

        Raises:
            UserError: it cannot be read to its end.
        """
        if not self.is_remote:
            return Unit(self.url, Path(self.url), self.format, self.day, self.size)
        url = shown(self.url)
        try:
            self.filesystem.get_file(self.url, str(target))
        except _errors(self.filesystem) as error:
            raise _unreadable(url, error, self.url) from None
        return Unit(url, target, self.format, self.day, target.stat().st_size, is_copy=True)


@dataclass(frozen=True)
class FilesDelivery:
    """The files of some days, in the order of their names, and how many more are no data."""

    files: list[FoundFile]
    left_out: int = 0

    @property
    def days(self) -> set[date]:
        """The days of which there is a file; one without records empties its day."""
        return {file.day for file in self.files}

    def units(self, scratch: Path) -> Iterator[Unit]:
        """See `Delivery.units`."""

        def fetch(numbered: tuple[int, FoundFile]) -> Unit:
            number, file = numbered
            return file.fetch(scratch / f"fetched-{number}-{Path(shown(file.url)).name}")

        yield from fetched_ahead(
            fetch,
            enumerate(self.files),
            threads=DOWNLOADS,
            weigh=lambda numbered: numbered[1].size if numbered[1].is_remote else 0,
            capacity=COPIED_BYTES,
            give_up=lambda: None,
        )


def find_files(setting: str, template: str, days: DayRange, mapping: TableMapping) -> FilesDelivery:
    """The files that a template names for a range of days.

    Every file is delivered once, on the last day of the range that its template matches: a
    template without a day in it names one delivery, landed on the last day.

    Args:
        setting: the setting's name for messages, EVENTS_URL or PROFILES_URL.
        template: a URL or path with strftime fields and globs.
        days: the days to look for.
        mapping: names the format where the suffix does not.

    Raises:
        UserError: nothing matches in the whole range, or the place cannot be read.
    """
    delivered: dict[str, tuple[date, int]] = {}
    left_out: set[str] = set()
    filesystem = _filesystem(setting, template, days)
    try:
        for day in days:
            pattern = day.strftime(template)
            for info in _matches(filesystem, pattern):
                url, size = info["name"], info["size"] or 0
                if info["type"] == "directory":
                    continue
                is_marker = has_glob(pattern) and size == 0 and not _format(mapping, url)
                if is_marker or not is_data(url, pattern):
                    left_out.add(url)
                else:
                    delivered[url] = (day, size)
    except _errors(filesystem) as error:
        raise _unreadable(f"{setting}={shown(template)!r}", error, template) from None
    if not delivered:
        raise _nothing(setting, template, days, len(left_out))
    files = [
        FoundFile(url, _format(mapping, url), day, size, filesystem)
        for url, (day, size) in sorted(delivered.items())
    ]
    return FilesDelivery(files, len(left_out))


def _filesystem(setting: str, template: str, days: DayRange) -> fsspec.AbstractFileSystem:
    """What reads the template's URLs. A new one each time: it remembers listings and logins, and
    delivering a day again must see what is there now."""
    if os.environ.get("AWS_REGION"):  # of the AWS SDKs, botocore alone does not know it
        os.environ.setdefault("AWS_DEFAULT_REGION", os.environ["AWS_REGION"])
    options = {"encoded": True} if is_http(template) else {}  # a signed query stays as it is
    try:
        filesystem, _ = fsspec.core.url_to_fs(
            days.start.strftime(template), skip_instance_cache=True, **options
        )
    except (ImportError, OSError, ValueError) as error:
        raise UserError(f"{setting}={shown(template)!r} cannot be read: {_line(error)}") from None
    return filesystem


def _matches(filesystem: fsspec.AbstractFileSystem, url: str) -> list[dict[str, Any]]:
    """What is at a URL, or matches its globs.

    `glob` asks `exists` where there is no glob in it, and to that a login that is refused, or a
    network that is down, looks like a day without a file.
    """
    if has_glob(url):
        return list(filesystem.glob(url, detail=True).values())
    try:
        return [filesystem.info(url)]
    except FileNotFoundError:
        return []


def _errors(filesystem: fsspec.AbstractFileSystem) -> tuple[type[Exception], ...]:
    """What a filesystem raises for a place that cannot be read. S3's are not OSErrors where the
    service was not even reached; their packages take 0.3 s to import."""
    if "s3" in filesystem.protocol:
        from aiohttp import ClientError
        from botocore.exceptions import BotoCoreError

        return (OSError, ValueError, BotoCoreError, ClientError)
    return (OSError, ValueError)


def _nothing(setting: str, template: str, days: DayRange, left_out: int) -> UserError:
    markers = f", only {left_out} that are no data" if left_out else ""
    where = f"{setting}={shown(template)!r}"
    return UserError(f"{where} matches no file for {days}{markers}{hint(template)}")


def _unreadable(what: str, error: Exception, url: str) -> UserError:
    """What to say of a place; what the error says of its address is said as in messages."""
    refused = isinstance(error, PermissionError | FileNotFoundError | ValueError)
    kind = UserError if refused else Unavailable
    return kind(f"{what} cannot be read: {_line(error).replace(url, shown(url))}")


def _line(error: Exception) -> str:
    """An error in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _format(mapping: TableMapping, url: str) -> str:
    """The format that the mapping names, or the file's suffix; "" for none."""
    return mapping.format or format_of(url)
