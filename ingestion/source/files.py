"""SOURCE=files: a URL template becomes files, each delivered in one window, or in none."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem
from fsspec.utils import glob_translate

from core.days import Window
from core.errors import Unavailable, UserError
from ingestion.mapping.mapping import TableMapping
from ingestion.source.fetching import fetched_ahead
from ingestion.source.fingerprints import digested, digesting, of_local_file, of_object
from ingestion.source.names import (
    fixed_part,
    format_of,
    has_glob,
    hint,
    is_data,
    is_http,
    shown,
    undated_name,
    unit_name,
)
from ingestion.source.unit import Fingerprint, Found, Unit, UnitKey
from ingestion.source.windows import windows_of

# Objects that are copied at the same time; s3fs copies a large one in parts of its own.
DOWNLOADS = 8
# Of copies on the disk, and of what is about to be unpacked beside them.
COPIED_BYTES = 512 * 2**20


class NothingThere(UserError):
    """No file matches a template."""


@dataclass(frozen=True)
class FoundFile(Found):
    """A file that a template names, and what reads it."""

    address: str = ""  # with what no message may show
    format: str = ""
    size: int = 0
    filesystem: fsspec.AbstractFileSystem = None

    @property
    def is_remote(self) -> bool:
        """Whether it has to be copied to be read."""
        return not isinstance(self.filesystem, LocalFileSystem)

    def fetch(self, target: Path) -> Unit:
        """The file as a unit, copied to `target` where it is remote.

        Raises:
            UserError: it cannot be read to its end.
        """
        path, url = (target if self.is_remote else Path(self.address)), shown(self.address)
        try:
            if self.is_remote:
                self.filesystem.get_file(self.address, str(target))
            size = path.stat().st_size
            digest = digested(path) if self.is_remote else digesting(path)
        except errors_of(self.filesystem) as error:
            raise unreadable(url, error, self.address) from None
        return Unit(url, path, self.format, self.day, size, self.is_remote, digest=digest)


@dataclass(frozen=True)
class FilesDelivery:
    """The files of a range, in the order of their names.

    `asked`: the windows looked at, also those without a file. `left_out`: how many more are no
    data. `pattern`: what an undated template is, "" for a dated one.
    """

    found: list[FoundFile]
    asked: list[Window]
    left_out: int = 0
    pattern: str = ""
    ends: None = None

    def is_named(self, url: str) -> bool:
        """See `Delivery.is_named`."""
        return bool(re.fullmatch(glob_translate(self.pattern), url))

    def units(self, wanted: Sequence[Found], scratch: Path) -> Iterator[tuple[Found, Unit]]:
        """See `Delivery.units`."""
        chosen = {found.key for found in wanted}

        def fetch(numbered: tuple[int, FoundFile]) -> tuple[Found, Unit]:
            number, file = numbered
            return file, file.fetch(scratch / f"fetched-{number}-{Path(shown(file.address)).name}")

        yield from fetched_ahead(
            fetch,
            enumerate(file for file in self.found if file.key in chosen),
            threads=DOWNLOADS,
            weigh=lambda numbered: numbered[1].size if numbered[1].is_remote else 0,
            capacity=COPIED_BYTES,
            give_up=lambda: None,
        )


def find_files(setting: str, template: str, asked: Window, mapping: TableMapping) -> FilesDelivery:
    """The files that a template names for a range.

    Every file is delivered once, in the last window of the range whose text names it. Its day is
    the last one of its window, or of the range where it has none.

    Args:
        setting: the setting's name for messages, EVENTS_URL or PROFILES_URL.
        template: a URL or path with strftime fields and globs.
        asked: the hours to look for.
        mapping: names the format where the suffix does not.

    Raises:
        UserError: the place cannot be read. NothingThere: nothing matches in the whole range.
    """
    windows = windows_of(setting, template, asked)
    filesystem, path = filesystem_of(setting, template, windows[0][0])
    try:
        files, left_out = _files(filesystem, windows, mapping)
    except errors_of(filesystem) as error:
        raise unreadable(f"{setting}={shown(template)!r}", error, template) from None
    if not files:
        raise _nothing(setting, template, asked, left_out)
    is_local = isinstance(filesystem, LocalFileSystem)
    root = path[: len(path) - len(windows[0][0]) + len(fixed_part(template))]
    found = [
        FoundFile(
            UnitKey(unit_name(url, root) if window else undated_name(url, is_local), window),
            shown(url),
            (window or asked).days.last,
            fingerprint,
            url,
            _format(mapping, url),
            size,
            filesystem,
        )
        for url, (window, size, fingerprint) in sorted(files.items())
    ]
    dated = [window for _, window in windows if window]
    return FilesDelivery(found, dated, left_out, "" if dated else path)


def _files(
    filesystem: fsspec.AbstractFileSystem,
    windows: Sequence[tuple[str, Window | None]],
    mapping: TableMapping,
) -> tuple[dict[str, tuple[Window | None, int, Fingerprint]], int]:
    """By URL the window of each file, its bytes, and its fingerprint; how many are no data."""
    files: dict[str, tuple[Window | None, int, Fingerprint]] = {}
    is_local = isinstance(filesystem, LocalFileSystem)
    left_out: set[str] = set()
    for pattern, window in windows:
        for info in _matches(filesystem, pattern):
            if not _is_file(filesystem, info):
                continue
            if _is_data(info, pattern, mapping):
                fingerprint = of_local_file(info["name"]) if is_local else of_object(info)
                files[info["name"]] = (window, info["size"] or 0, fingerprint)
            else:
                left_out.add(info["name"])
    return files, len(left_out)


def _is_file(filesystem: fsspec.AbstractFileSystem, info: dict[str, Any]) -> bool:
    """Whether it is a file, or a link to one: no folder, and no pipe, which nobody may ever fill.

    Raises:
        OSError: a link leads nowhere.
        ValueError: its name is no text.
    """
    name: str = info["name"]
    if any("\ud800" <= sign <= "\udfff" for sign in name):
        raise ValueError(f"{name!r} is no name in UTF-8")
    if isinstance(filesystem, LocalFileSystem):
        return stat.S_ISREG(os.stat(name).st_mode)
    return bool(info["type"] != "directory")


def _is_data(info: dict[str, Any], pattern: str, mapping: TableMapping) -> bool:
    """Whether a file is no marker of what writes the others."""
    url = info["name"]
    is_empty = not info["size"] and not _format(mapping, url)
    return is_data(url, pattern) and not (has_glob(pattern) and is_empty)


def filesystem_of(setting: str, template: str, url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """What reads the template's URLs, and its own name of one. A new one each time: it remembers
    listings and logins, and delivering a day again must see what is there now."""
    if os.environ.get("AWS_REGION"):  # of the AWS SDKs, botocore alone does not know it
        os.environ.setdefault("AWS_DEFAULT_REGION", os.environ["AWS_REGION"])
    options = {"encoded": True} if is_http(template) else {}  # a signed query stays as it is
    try:
        filesystem, path = fsspec.core.url_to_fs(url, skip_instance_cache=True, **options)
    except (ImportError, OSError, ValueError) as error:
        raise UserError(f"{setting}={shown(template)!r} cannot be read: {_line(error)}") from None
    return filesystem, path


def _matches(filesystem: fsspec.AbstractFileSystem, url: str) -> list[dict[str, Any]]:
    """What is at a URL, or matches its globs.

    `glob` asks `exists` where there is no glob in it, and to that a login that is refused, or a
    network that is down, looks like a day without a file.
    """
    if has_glob(url):
        return list(filesystem.glob(url, detail=True).values())
    try:
        return [filesystem.info(url)]
    except FileNotFoundError as error:
        # So says fsspec also of a web server that refuses, breaks or is down.
        cause = error.__cause__ if is_http(url) else None
        status = getattr(cause, "status", None)
        if cause is None or status in (404, 410):
            return []
        kind = PermissionError if status in (401, 403) else OSError
        raise kind(f"HTTP {status}" if status else _line(cause)) from None


def errors_of(filesystem: fsspec.AbstractFileSystem) -> tuple[type[Exception], ...]:
    """What a filesystem raises for a place that cannot be read. S3's are not OSErrors where the
    service was not even reached; their packages take 0.3 s to import."""
    if "s3" in filesystem.protocol:
        from aiohttp import ClientError
        from botocore.exceptions import BotoCoreError

        return (OSError, ValueError, BotoCoreError, ClientError)
    return (OSError, ValueError)


def _nothing(setting: str, template: str, asked: Window, left_out: int) -> NothingThere:
    markers = f", only {left_out} that are no data" if left_out else ""
    where = f"{setting}={shown(template)!r}"
    return NothingThere(f"{where} matches no file for {asked}{markers}{hint(template)}")


def unreadable(what: str, error: Exception, url: str) -> UserError:
    """What to say of a place; what the error says of its address is said as in messages."""
    refused = isinstance(error, PermissionError | FileNotFoundError | ValueError)
    kind = UserError if refused else Unavailable
    return kind(f"{what} cannot be read: {_line(error).replace(url, shown(url))}")


def _line(error: BaseException) -> str:
    """An error in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _format(mapping: TableMapping, url: str) -> str:
    """The format that the mapping names, or the file's suffix; "" for none."""
    return mapping.format or format_of(url)
