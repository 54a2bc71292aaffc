r"""CSV and Parquet files as DuckDB can read them: unpacked, and CSV as UTF-8 with one line end.

DuckDB reads gzip itself, but does not look at its checksum: a file with 20 damaged bytes lost a
third of its lines without an error. Its CSV reader refuses a file whose records end in several ways
as a whole, and of a line that is no UTF-8 it does not keep the bytes.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from ingestion.decode.quoting import CHUNK_BYTES, LineEnds, Quoting, chunks
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
        if is_text and (text := _cleaned(unit, shape)):
            target = scratch / f"{number}-clean-{unit.path.name}"
            with target.open("w", encoding="utf-8", newline="") as to:
                to.writelines(text)
            unit = replace(unit, path=target)
    except READ_ERRORS as error:
        raise unreadable(unit, error) from error
    return unit


def _cleaned(unit: Unit, shape: FileShape) -> Iterator[str] | None:
    """The text as DuckDB reads it well, with bytes that are no UTF-8 marked as such; None where it
    is so already."""
    ends, is_utf8 = _look_at(unit.path)
    quoting = Quoting(unit, shape)
    if quoting.needs_rewriting(unit.path, ends.are_several):
        return _marked(quoting.rewritten(unit.path))
    return None if is_utf8 else _marked(chunks(unit.path))


def _look_at(path: Path) -> tuple[LineEnds, bool]:
    """A file's line ends, and whether it is UTF-8."""
    ends, is_utf8 = LineEnds(), True
    decoder = codecs.getincrementaldecoder("utf-8")()
    for chunk in chunks(path):
        ends.add(chunk)
        try:
            decoder.decode(chunk if is_utf8 else b"")
        except UnicodeDecodeError:
            is_utf8 = False
    return ends, is_utf8 and decoder.getstate() == (b"", 0)


def _marked(text: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")(errors="fact_events_mark")
    for chunk in text:
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def _mark(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)  # noqa: S101 - registered for decoding only
    wrong = error.object[error.start : error.end]
    return "".join(f"{NO_UTF8}{byte:02x}" for byte in wrong), error.end


codecs.register_error("fact_events_mark", _mark)
