r"""CSV and Parquet files as DuckDB can read them: unpacked, and CSV as UTF-8 with one line end.

DuckDB reads gzip itself, but does not look at its checksum: a file with 20 damaged bytes lost a
third of its lines without an error. Its CSV reader refuses a file of several line ends as a whole,
and of a line that is no UTF-8 it does not keep the bytes.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO

from ingestion.decode.streams import (
    READ_ERRORS,
    encoding_of,
    open_bytes,
    open_text,
    packing,
    unreadable,
)
from ingestion.mapping.file_shape import FileShape
from ingestion.mapping.landing_schema import NO_UTF8
from ingestion.source.unit import Unit

CHUNK_BYTES = 4 * 2**20


def plain_units(units: list[Unit], shape: FileShape, scratch: Path) -> list[Unit]:
    """The units, with a copy in `scratch` in place of those that DuckDB would not read well.

    Raises:
        UserError: a file cannot be read, or what packs it is damaged.
    """
    with ThreadPoolExecutor(2) as pool:  # zlib works outside Python's lock
        return list(pool.map(partial(_plain, shape, scratch), range(len(units)), units))


def _plain(shape: FileShape, scratch: Path, number: int, unit: Unit) -> Unit:
    is_text = unit.format != "parquet"
    try:
        if packing(unit.path) or (is_text and encoding_of(unit.path, shape.encoding)):
            target = scratch / f"{number}-{unit.path.name}"
            content = open_text(unit.path, shape.encoding) if is_text else open_bytes(unit.path)
            with content as packed, target.open("wb") as plain:
                while chunk := packed.read(CHUNK_BYTES):
                    plain.write(chunk)
            unit = replace(unit, path=target)
        if is_text and not _is_clean(unit.path):
            target = scratch / f"{number}-clean-{unit.path.name}"
            with (
                unit.path.open("rb") as source,
                target.open("w", encoding="utf-8", newline="") as to,
            ):
                to.writelines(_cleaned(source))
            unit = replace(unit, path=target)
    except READ_ERRORS as error:
        raise unreadable(unit, error) from error
    return unit


def _is_clean(path: Path) -> bool:
    """Whether a file is UTF-8 and has one kind of line end."""
    crlf = cr = lf = 0
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as source:
        for chunk in _chunks(source):
            crlf, cr, lf = (
                count + chunk.count(end)
                for count, end in zip((crlf, cr, lf), (b"\r\n", b"\r", b"\n"), strict=True)
            )
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                return False
    return bool(decoder.getstate() == (b"", 0) and (cr == 0 or lf == 0 or crlf == cr == lf))


def _cleaned(source: IO[bytes]) -> Iterator[str]:
    """The text with every line end as a newline, and bytes that are no UTF-8 marked as such."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="fact_events_mark")
    for chunk in _chunks(source):
        yield decoder.decode(chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
    yield decoder.decode(b"", final=True)


def _chunks(source: IO[bytes]) -> Iterator[bytes]:
    """The content in chunks that do not part a carriage return from its newline."""
    while chunk := source.read(CHUNK_BYTES):
        yield chunk + source.read(1) if chunk.endswith(b"\r") else chunk


def _mark(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)  # noqa: S101 - registered for decoding only
    wrong = error.object[error.start : error.end]
    return "".join(f"{NO_UTF8}{byte:02x}" for byte in wrong), error.end


codecs.register_error("fact_events_mark", _mark)
