"""How a text file of unknown making is written, guessed from its beginning."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from core.errors import UserError
from ingestion.decode.recognition import JSON, recognised
from ingestion.decode.session import session
from ingestion.decode.streams import READ_ERRORS, encoding_of, open_bytes, open_text, unreadable
from ingestion.mapping.file_shape import FileShape
from ingestion.source.unit import Unit

LOOKED_AT = 2**20  # bytes of each file
UNUSUAL = 0.5  # of the lines with signs beyond ASCII that are no UTF-8: then it is not UTF-8
_FIELD = re.compile(r"[-+]?\d[\d.,:/ T-]*Z?|[0-9a-f]{8}-[0-9a-f-]{27}|", re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """`shape` and `format` as a mapping says them ("" where the names of the files say it),
    `reasons` by setting, and `kind` for people."""

    shape: FileShape = field(default_factory=FileShape)
    format: str = ""
    kind: str = ""
    reasons: dict[str, str] = field(default_factory=dict)


def dialect_of(units: Sequence[Unit], scratch: Path) -> Dialect:
    """How files are written, judged by all that can be read.

    Args:
        units: some of a kind, not empty.
        scratch: a folder for copies.

    Raises:
        UserError: none can be read, or they are no text of records.
    """
    units = _readable(units)
    encoding, why = _encoding(units)
    found = Dialect(FileShape(encoding=encoding), reasons={"encoding": why} if why else {})
    kind = _kind(units[0], found.shape)
    # Also where the content says it: an empty file without a suffix would be nothing that is known.
    said = "" if all(unit.format for unit in units) else "jsonl" if kind in JSON else kind
    if kind == "parquet":
        return Dialect(format=said, kind="Parquet")
    if kind in JSON:
        words = {"json_array": "an array of JSON", "json_objects": "JSON over several lines"}
        return replace(found, format=said, kind=words.get(kind, "JSON lines"))
    return _csv(replace(found, format=said), units, "\t" if kind == "tsv" else ",", scratch)


def _readable(units: Sequence[Unit]) -> list[Unit]:
    """Those whose beginning can be read."""
    readable: list[Unit] = []
    refused: list[UserError] = []
    for unit in units:
        try:
            with open_bytes(unit.path) as stream:
                stream.read(LOOKED_AT)
            readable.append(unit)
        except READ_ERRORS as error:
            refused.append(unreadable(unit, error))
    if not readable:
        raise refused[0]
    return readable


def _kind(unit: Unit, shape: FileShape) -> str:
    """The format of a file; what is text and nothing else that is known is CSV."""
    try:
        return recognised(unit, shape).format
    except UserError:
        if unit.format:
            raise
    text = _beginning(unit, shape.encoding)
    if not text.strip() or any(not sign.isprintable() and sign not in "\t\r\n" for sign in text):
        raise UserError(f"{unit.url} is no text of records, and not Parquet")
    return "csv"


def _encoding(units: Sequence[Unit]) -> tuple[str, str]:
    """The encoding of files without a byte order mark, and why; "utf-8" needs no reason."""
    strange: Counter[bool] = Counter()
    for unit in units:
        if encoding_of(unit.path, "utf-8"):
            return "utf-8", ""  # a mark says what it is
        with open_bytes(unit.path) as stream:
            head = stream.read(LOOKED_AT)
        if head.startswith(b"PAR1"):
            return "utf-8", ""
        if (zeros := head.count(b"\0")) > 0.3 * len(head):
            kind = "utf-16-le" if head[1::2].count(b"\0") > zeros / 2 else "utf-16-be"
            return kind, "every second byte is zero"
        for line in head.split(b"\n")[:-1] or [head]:
            if not line.isascii():
                strange[_is_utf8(line)] += 1
    if not strange or strange[False] <= UNUSUAL * strange.total():
        return "utf-8", ""
    why = f"{strange[False]} of {strange.total()} lines with signs beyond ASCII are no UTF-8"
    return "cp1252", f"{why}; others like it are latin-1, iso-8859-15, cp1250: look at a name"


def _is_utf8(line: bytes) -> bool:
    try:
        codecs.decode(line, "utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _beginning(unit: Unit, encoding: str) -> str:
    """The first lines of a file, whole ones but where there is only one."""
    try:
        with open_text(unit.path, encoding) as stream:
            head = b""
            while len(head) < LOOKED_AT and (chunk := stream.read(LOOKED_AT)):
                head += chunk
    except READ_ERRORS as error:
        raise unreadable(unit, error) from error
    text = head.decode("utf-8-sig", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    cut = text.rfind("\n") + 1
    return text[:cut] if cut and len(head) >= LOOKED_AT else text


def _csv(found: Dialect, units: Sequence[Unit], usual: str, scratch: Path) -> Dialect:
    """Delimiter, quote and header, by DuckDB's sniffer."""
    texts = [text for unit in units if (text := _beginning(unit, found.shape.encoding)).strip()]
    if not texts:
        return replace(found, kind="CSV")
    place = scratch / "beginning.csv"
    place.write_text(max(texts, key=len), encoding="utf-8", newline="")
    with session() as db:
        sniffed = _sniffed(db, place, units[0])
    delimiter, quote, escape, is_named, columns = sniffed
    reasons, shape = dict(found.reasons), found.shape
    if delimiter != usual:
        reasons["delimiter"] = f"it parts each line into {len(columns)} fields"
        shape = replace(shape, delimiter=delimiter)
    if not quote and any('"' in text for text in texts):
        reasons["quote"] = 'a " here and there quotes no field'
        shape = replace(shape, quote="")
    if escape == "\\" and any(f"\\{quote}" in text for text in texts):
        reasons["escape"] = f"a \\ is before {quote} within fields"
        shape = replace(shape, escape=escape)
    firsts = {text.lstrip("\n").partition("\n")[0] for text in texts}
    if not _is_header(firsts, len(texts), is_named, delimiter):
        reasons["header"] = "the first line looks like the lines below it"
        names = tuple(f"column{number}" for number in range(1, len(columns) + 1))
        shape = replace(shape, header=False, columns=names)
    kind = f"CSV, {_called(delimiter)} between fields"
    return replace(found, shape=shape, kind=kind, reasons=reasons)


def _sniffed(
    db: duckdb.DuckDBPyConnection, place: Path, unit: Unit
) -> tuple[str, str, str, bool, list[str]]:
    """What DuckDB makes of a file: delimiter, quote and escape ("" for none), whether the first
    line names the columns, and their names."""
    try:
        found = db.execute(
            "select Delimiter, Quote, Escape, HasHeader, list_transform(Columns, lambda c: c.name)"
            " from sniff_csv(?, sample_size=2000, max_line_size=16777216)",
            [str(place)],
        ).fetchall()
    except duckdb.Error as error:
        reason = str(error).splitlines()[0][:200]
        raise UserError(f"{unit.url} is no CSV that could be told apart: {reason}") from None
    [(delimiter, *signs, is_named, columns)] = found
    quote, escape = ("" if sign == "(empty)" else sign for sign in signs)
    return delimiter, quote, escape, is_named, columns


def _is_header(firsts: set[str], files: int, is_named: bool, delimiter: str) -> bool:
    """Whether first lines name columns: where all files have the same one it is a header, and
    numbers, times and gaps are no names."""
    if files > 1 and len(firsts) == 1:
        return True
    fields = [each.strip().strip('"') for first in firsts for each in first.split(delimiter)]
    values = sum(bool(_FIELD.fullmatch(each)) for each in fields)
    return is_named and values <= 0.2 * len(fields)


def _called(delimiter: str) -> str:
    """A delimiter for people."""
    return {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}.get(
        delimiter, repr(delimiter)
    )
