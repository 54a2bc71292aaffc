"""What the names of files say: which are data, and of what format."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from ingestion.mapping.mapping import FORMATS

# strftime fields of a day and its hours; another one is more likely a percent sign of a name.
_FIELD = re.compile(r"%(.?)")
_FIELDS = set("aAbBdHIjmMpSuUVwWyYGfzZ%")
_PACKED = (".gz", ".zst")
# What signs a query is another one each time, and never part of a name.
_SIGNATURE = re.compile(
    r"x-(amz|goog)-.*|s(ig|e|p|v|r|t|pr|koid|ktid|ke|kt|ks|kv)|signature|expires|policy"
    r"|.*(accesskeyid|accessid|key-pair-id|api_?key|token)",
    re.IGNORECASE,
)


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
    while path.suffix in _PACKED:
        path = Path(path.stem)
    return path.suffix[1:] if path.suffix[1:] in FORMATS else ""


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


def fixed_part(template: str) -> str:
    """The folder above all fields and globs of a template, with its slash: what is below it is the
    name of a file among those of its source."""
    path = shown(template)
    found = [path.find(sign) for sign in "%*[" + ("" if is_http(template) else "?")]
    varies = min((at for at in found if at >= 0), default=len(path))
    return path[: path.rfind("/", 0, varies) + 1]


def unit_name(url: str, root: str) -> str:
    """What a file with a window is called among those of its source: its path below `root`."""
    return shown(url).removeprefix(root) or shown(url)


def undated_name(url: str, is_local: bool) -> str:
    """What a file without a window is called: its whole path, whatever bucket or host it is in.

    The query of an address tells it from others too; it may hold a key, so its digest stands there.
    """
    if is_local:
        return "/" + os.path.normpath(url).lstrip("/")  # /data//x, /data/./x: the same file
    if not is_http(url):
        return url.partition("/")[2]
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    asked = sorted((key, value) for key, value in query if not _SIGNATURE.fullmatch(key))
    digest = f"?{hashlib.sha256(repr(asked).encode()).hexdigest()[:8]}" if asked else ""
    return parts.path.lstrip("/") + digest


def hint(template: str) -> str:
    """How to write what a template that matches nothing may mean, "" for nothing."""
    hints = []
    if "[" in template:
        hints.append("a [ of a name is written [[]")
    if {*_FIELD.findall(template)} - _FIELDS:
        hints.append("a % of a name is written %%")
    return f" ({'; '.join(hints)})" if hints else ""
