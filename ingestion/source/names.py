"""What the names of files say: which are data, and of what format."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ingestion.mapping.mapping import FORMATS

# strftime fields of a day and its hours; another one is more likely a percent sign of a name.
_FIELD = re.compile(r"%(.?)")
_FIELDS = set("aAbBdHIjmMpSuUVwWyYGfzZ%")
_PACKED = (".gz", ".zst")


def shown(url: str) -> str:
    """A URL or template for messages: an HTTP query may hold a key."""
    return url.partition("?")[0] if is_http(url) else url


def is_http(url: str) -> bool:
    """Whether a question mark in it begins a query, and is no glob."""
    return url.startswith(("http://", "https://"))


def has_glob(url: str) -> bool:
    """Whether there are globs in a URL."""
    return any(sign in shown(url) for sign in ("*[" if is_http(url) else "*?["))


def format_of(url: str) -> str:
    """The format that a file's suffix names, with or without .gz or .zst; "" for none."""
    path = Path(shown(url).lower())
    suffix = Path(path.stem).suffix if path.suffix in _PACKED else path.suffix
    return suffix[1:] if suffix[1:] in FORMATS else ""


def is_data(url: str, pattern: str) -> bool:
    """Whether a file that a pattern with globs found is data: not a marker, a checksum or a
    working file of what writes it (`_SUCCESS`, `.part-0.crc`, `_temporary/…`). Spark and Hive too
    read nothing whose name begins so. What the pattern itself writes out is data.
    """
    found, written = _parts(url), _parts(pattern)
    globs = [number for number, part in enumerate(written) if has_glob(part)]
    if not globs:
        return True
    if "**" in written:
        written = written[: globs[0]] + ["*"] * (len(found) - globs[0] - 1) + written[-1:]
    pairs = list(zip(reversed(found), reversed(written), strict=False))
    if url.endswith(".crc") and not pattern.endswith(".crc"):
        return False
    return not any(
        name.startswith((".", "_")) and not part.startswith(name[0]) for name, part in pairs
    )


def _parts(url: str) -> list[str]:
    path = url.partition("://")[2] if "://" in url else os.path.abspath(url)
    return path.strip("/").split("/")


def hint(template: str) -> str:
    """How to write what a template that matches nothing may mean, "" for nothing."""
    hints = []
    if "[" in template:
        hints.append("a [ of a name is written [[]")
    if any(field not in _FIELDS for field in _FIELD.findall(template)):
        hints.append("a % of a name is written %%")
    return f" ({'; '.join(hints)})" if hints else ""
