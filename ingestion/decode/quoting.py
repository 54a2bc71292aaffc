r"""CSV text before DuckDB reads it: one kind of line end after every record, quotes in a quoted
field doubled, and every value as it is.

A line end in a quoted field is part of the value: DuckDB keeps it, whatever kind it is. After
records it takes one kind only. An escape that is not the quote it takes off each sign that follows
it (`"c:\new"` is `c:new`), so that files with one are rewritten here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path

from ingestion.mapping.file_shape import FileShape
from ingestion.source.unit import Unit

CHUNK_BYTES = WRITE_BYTES = 4 * 2**20
HEADER_BYTES = 2**20
BOM = b"\xef\xbb\xbf"
# After an escape, and nothing else in a field without quotes: there is no value.
NULL = b"N"


class Quoting:
    """How the fields of a unit are parted and quoted."""

    def __init__(self, unit: Unit, shape: FileShape) -> None:
        self._quote, self._escape = shape.quote.encode(), shape.escape.encode()
        if self._escape == self._quote:
            self._escape = b""
        parts = re.escape(delimiter_of(unit, shape).encode())
        quoted = self._quoted(parts) if self._quote else rb"(?!)"
        plain = rb"[^" + parts + rb"\r\n]*+"
        one = rb"(?:(" + quoted + rb")|(" + plain + rb"))(" + parts + rb"|\Z)"
        self._field = re.compile(one, re.DOTALL)
        field = rb"(?:" + quoted + rb"|" + plain + rb")"
        record = field + rb"(?:" + parts + field + rb")*+"
        self._records = rb"(?:" + record
        self._record = re.compile(record + rb"(\r\n|\r|\n|\Z)", re.DOTALL)

    def needs_rewriting(self, path: Path, has_several_ends: bool) -> bool:
        """Whether DuckDB would not read a text as it is: escapes are not doubled quotes, records
        end in several ways, or, after a byte order mark, the header has several lines.

        Args:
            path: the text.
            has_several_ends: whether it has several kinds of line end, wherever they are.
        """
        if not path.stat().st_size:
            return False
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            if self._escape and content.find(self._escape) >= 0:
                return True
            if content[: len(BOM)] == BOM and self._first_lines(content) > 1:
                return True
            return has_several_ends and self._ends_differ(content)

    def first_end(self, head: bytes) -> bytes:
        """What is after the first record that is not blank; nothing where no other comes.

        Args:
            head: the beginning of a text.
        """
        found = self._record.match(head.removeprefix(BOM).lstrip(b"\r\n"))
        return found[1] if found else b""

    def _first_lines(self, content: mmap) -> int:
        """How many lines the first record has."""
        found = self._record.match(content)
        return len(found[0].splitlines()) if found else 0

    def _ends_differ(self, content: mmap) -> bool:
        """Whether several kinds of line end are after records."""
        end = self.first_end(content[:HEADER_BYTES])
        run = re.compile(self._records + re.escape(end) + b"){1,500}+", re.DOTALL)
        at = 0
        while at < len(content) and (found := run.match(content, at)):
            at = found.end()
        last = self._record.match(content, at)
        return bool(last and last[1])

    def rewritten(self, path: Path) -> Iterator[bytes]:
        """The text with a newline after each record, in pieces of whole records."""
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            signs = [sign for sign in (self._quote, self._escape) if sign]
            if all(content.find(sign) < 0 for sign in signs):
                for chunk in chunks(path):
                    yield chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
                return
            piece = bytearray()
            begin = len(BOM) if content[: len(BOM)] == BOM else 0
            for found in self._record.finditer(content, begin):
                piece += self._doubled(content[found.start() : found.start(1)])
                piece += b"\n" if found[1] else b""
                if len(piece) >= WRITE_BYTES:
                    yield bytes(piece)
                    piece.clear()
            yield bytes(piece)

    def _quoted(self, parts: bytes) -> bytes:
        """The pattern of a quoted field. What only begins as one is text like any other: a quote
        that is never closed takes no other record along."""
        quote = re.escape(self._quote)
        inner = rb"[^" + quote + re.escape(self._escape) + rb"]++|" + quote * 2
        if self._escape:
            inner += rb"|" + re.escape(self._escape) + rb"."
        text = quote + rb"(?:" + inner + rb")*+" + quote
        return rb"(?:" + BOM + rb")?+ *+" + text + rb" *+(?=[" + parts + rb"\r\n]|\Z)"

    def _doubled(self, record: bytes) -> bytes:
        """A record with its escapes as doubled quotes."""
        if not self._escape or self._escape not in record:
            return record
        return self._field.sub(self._doubled_field, record)

    def _doubled_field(self, found: re.Match[bytes]) -> bytes:
        """The same of a field: the escape means nothing before another sign."""
        quoted, plain, end = found.groups()
        if quoted is None:
            return (b"" if plain == self._escape + NULL else plain) + end
        escape, quote = re.escape(self._escape), re.escape(self._quote)
        signs = {self._escape + self._quote: self._quote * 2, self._escape * 2: self._escape}
        escaped = escape + rb"(?:" + escape + rb"|" + quote + rb")"
        return re.sub(escaped, lambda sign: signs[sign[0]], quoted) + end


class LineEnds:
    """What kinds of line end a text has."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys((b"\r\n", b"\r", b"\n"), 0)

    def add(self, chunk: bytes) -> None:
        """Look at a part of it, which does not part a carriage return from its newline."""
        for end in self._counts:
            self._counts[end] += chunk.count(end)

    @property
    def are_several(self) -> bool:
        """Whether there is more than one kind."""
        both, carriage_return, newline = self._counts.values()
        return min(carriage_return, newline) > 0 and not both == carriage_return == newline


def chunks(path: Path) -> Iterator[bytes]:
    """The content of a file in chunks that do not part a carriage return from its newline."""
    with path.open("rb") as source:
        while chunk := source.read(CHUNK_BYTES):
            yield chunk + source.read(1) if chunk.endswith(b"\r") else chunk


def delimiter_of(unit: Unit, shape: FileShape) -> str:
    """What parts the fields of a unit: what the mapping says, or its format's own."""
    return shape.delimiter or ("\t" if unit.format == "tsv" else ",")
