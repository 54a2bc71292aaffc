"""A file's content, whatever packs it: gzip or zstd by its first bytes, text as UTF-8."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from core.errors import UserError
from ingestion.source.unit import Unit

HEAD_BYTES = 64 * 2**10
GZIP, ZSTD, ZSTD_SKIPPED = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x2a\x4d\x18"
MOST_PACKINGS = 3


class Damaged(Exception):
    """What is wrong with a file, said after its name."""


# What reading raises for a file that is damaged, or not there.
READ_ERRORS = (OSError, EOFError, zlib.error, pa.ArrowInvalid, Damaged)
# The longer first: UTF-32's begins like UTF-16's. UTF-8's is the readers' own matter.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class Stream(Protocol):
    """What is read from: up to `size` bytes, none at its end."""

    def read(self, size: int, /) -> bytes:
        """The next bytes."""


def packing(path: Path) -> str:
    """What a file is packed with by its first bytes: "gzip", "zstd", or "" for nothing."""
    with path.open("rb") as file:
        return _kind(file.read(4))


def _kind(first: bytes) -> str:
    if first.startswith(GZIP):
        return "gzip"
    is_skipped = first[1:] == ZSTD_SKIPPED and first[0] & 0xF0 == 0x50  # pzstd begins so
    return "zstd" if first == ZSTD or is_skipped else ""


@contextmanager
def open_bytes(path: Path) -> Iterator[Stream]:
    """A file's content, unpacked. Checksums are looked at, and a file that was cut is an error. A
    web server may have packed once more what was packed.

    Raises:
        READ_ERRORS: it cannot be read; also while it is.
    """
    kinds: list[str] = []
    for _ in range(MOST_PACKINGS):
        with _unpacked(path, kinds) as stream:
            if not (kind := _kind(stream.read(4))):
                break
        kinds.append(kind)
    with _unpacked(path, kinds) as stream:
        yield stream


@contextmanager
def _unpacked(path: Path, kinds: list[str]) -> Iterator[Stream]:
    """A file's content without its packings, the outermost first."""
    with ExitStack() as opened:
        stream: Any = opened.enter_context(
            pa.OSFile(str(path)) if kinds[:1] == ["zstd"] else path.open("rb")
        )
        for kind in kinds:
            stream = opened.enter_context(
                gzip.GzipFile(fileobj=stream, mode="rb")
                if kind == "gzip"
                else pa.CompressedInputStream(stream, "zstd")
            )
        yield stream


@contextmanager
def open_text(path: Path, encoding: str) -> Iterator[Stream]:
    """A file's content, unpacked, as UTF-8.

    Args:
        path: the file.
        encoding: what it is written in where no byte order mark says so.

    Raises:
        READ_ERRORS: it cannot be read; also while it is.
    """
    written_in = encoding_of(path, encoding)
    with open_bytes(path) as stream:
        yield _Recoded(stream, written_in) if written_in else stream


def encoding_of(path: Path, encoding: str) -> str:
    """What a text has to be decoded from; "" for UTF-8, with or without a byte order mark."""
    with open_bytes(path) as stream:
        first = stream.read(4)
    if first.startswith(codecs.BOM_UTF8):
        return ""
    for mark, marked in _MARKS.items():
        if first.startswith(mark):
            return marked
    name = codecs.lookup(encoding).name
    return "" if name == "utf-8" else name


def unreadable(unit: Unit, error: Exception) -> UserError:
    """What to say of a unit of which reading failed, and in which of its lines."""
    if isinstance(error, Damaged):
        return UserError(f"{unit.url} {error}, in line {_last_line(unit.path)}")
    if isinstance(error, OSError) and error.strerror:
        return UserError(f"{unit.url} cannot be read: {error.strerror}")
    kind = packing(unit.path) or "gzip"
    reason = " ".join(str(error).split())
    return UserError(f"{unit.url} is not valid {kind} in line {_last_line(unit.path)}: {reason}")


def _last_line(path: Path) -> int:
    """The number of the last line that can be read of a file; it is read twice more, to say so: a
    read of many bytes that fails gives none of them."""
    line, whole = 1, 0
    with suppress(*READ_ERRORS), open_bytes(path) as stream:
        while chunk := stream.read(HEAD_BYTES):
            line += chunk.count(b"\n")
            whole += 1
    with suppress(*READ_ERRORS), open_bytes(path) as stream:
        for _ in range(whole):
            stream.read(HEAD_BYTES)
        while byte := stream.read(1):
            line += byte == b"\n"
    return line


class _Recoded:
    """A text as UTF-8. Bytes that are none in its encoding stay, as bytes that are no UTF-8."""

    def __init__(self, source: Stream, encoding: str) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="fact_events_keep")

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes, also where each becomes three or four."""
        while chunk := self._source.read(max(size // 4, 1)):
            if text := self._decoder.decode(chunk):
                return text.encode(errors="surrogateescape")
        return self._decoder.decode(b"", final=True).encode(errors="surrogateescape")


def _keep(error: UnicodeError) -> tuple[str, int]:
    """Python's surrogateescape takes no byte below 0x80, which a cut UTF-16 may end with."""
    assert isinstance(error, UnicodeDecodeError)  # noqa: S101 - registered for decoding only
    wrong = error.object[error.start : error.end]
    kept = (chr(0xDC00 + byte) if byte >= 0x80 else f"\udcff{chr(byte)}" for byte in wrong)
    return "".join(kept), error.end


codecs.register_error("fact_events_keep", _keep)
