"""SOURCE=files: a URL template becomes files, each delivered on one UTC day."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from core.days import DayRange
from core.errors import Unavailable, UserError
from ingestion.mapping.mapping import FORMATS, TableMapping

# Objects that are copied at the same time; s3fs copies a large one in parts of its own.
DOWNLOADS = 8


@dataclass(frozen=True)
class DeliveredFile:
    """A file and the UTC day it was delivered on.

    `path` is where its bytes are here; those of a remote file, one that has a `filesystem`, only
    after `fetch`. `size` is in bytes.
    """

    url: str
    path: Path
    format: str
    day: date
    size: int
    filesystem: fsspec.AbstractFileSystem | None = None


def find_files(
    setting: str, template: str, days: DayRange, mapping: TableMapping
) -> list[DeliveredFile]:
    """The files that a template names for a range of days.

    Every file is delivered once, on the last day of the range that its template matches: a
    template without a day in it names one delivery, landed on the last day.

    Args:
        setting: the setting's name for messages, EVENTS_URL or PROFILES_URL.
        template: a URL or path with strftime fields and globs.
        days: the days to look for.
        mapping: names the format where the suffix does not.

    Raises:
        UserError: nothing matches in the whole range, the place cannot be read, or a suffix
            names no known format.
    """
    delivered: dict[str, tuple[date, int]] = {}
    filesystem = _filesystem(setting, template, days)
    try:
        for day in days:
            for info in _matches(filesystem, day.strftime(template)):
                if info["type"] != "directory":
                    delivered[info["name"]] = (day, info["size"] or 0)
    except _errors(filesystem) as error:
        raise _unreadable(f"{setting}={template!r}", error) from None
    if not delivered:
        raise UserError(f"{setting}={template!r} matches no file for {days}")
    remote = None if isinstance(filesystem, LocalFileSystem) else filesystem
    return [
        DeliveredFile(url, Path(url), mapping.format or _format(setting, url), day, size, remote)
        for url, (day, size) in sorted(delivered.items())
    ]


def fetch(files: list[DeliveredFile], scratch: Path) -> list[DeliveredFile]:
    """The same files with the remote ones copied into `scratch`, several at a time.

    Raises:
        UserError: one cannot be read to its end.
    """

    def copy(number: int, file: DeliveredFile) -> DeliveredFile:
        if file.filesystem is None:
            return file
        path = scratch / f"fetched-{number}-{Path(file.url).name}"
        try:
            file.filesystem.get_file(file.url, str(path))
        except _errors(file.filesystem) as error:
            raise _unreadable(file.url, error) from None
        return replace(file, path=path, filesystem=None)

    with ThreadPoolExecutor(DOWNLOADS) as pool:
        return list(pool.map(copy, range(len(files)), files))


def _filesystem(setting: str, template: str, days: DayRange) -> fsspec.AbstractFileSystem:
    """What reads the template's URLs. A new one each time: it remembers listings and logins, and
    delivering a day again must see what is there now."""
    if os.environ.get("AWS_REGION"):  # of the AWS SDKs, botocore alone does not know it
        os.environ.setdefault("AWS_DEFAULT_REGION", os.environ["AWS_REGION"])
    try:
        filesystem, _ = fsspec.core.url_to_fs(
            days.start.strftime(template), skip_instance_cache=True
        )
    except (ImportError, OSError, ValueError) as error:
        raise UserError(f"{setting}={template!r} cannot be read: {_line(error)}") from None
    return filesystem


def _matches(filesystem: fsspec.AbstractFileSystem, url: str) -> list[dict[str, Any]]:
    """What is at a URL, or matches its globs.

    `glob` asks `exists` where there is no glob in it, and to that a login that is refused, or a
    network that is down, looks like a day without a file.
    """
    if any(sign in url for sign in "*?["):
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


def _unreadable(what: str, error: Exception) -> UserError:
    refused = isinstance(error, PermissionError | FileNotFoundError | ValueError)
    kind = UserError if refused else Unavailable
    return kind(f"{what} cannot be read: {_line(error)}")


def _line(error: Exception) -> str:
    """An error in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _format(setting: str, url: str) -> str:
    """The format that a file's suffix names, with or without .gz."""
    suffix = Path(url.removesuffix(".gz")).suffix.removeprefix(".")
    if suffix not in FORMATS:
        raise UserError(
            f"{setting}: {url} has no known format: use {', '.join(FORMATS)} (or .gz of them)"
        )
    return suffix
