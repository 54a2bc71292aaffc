"""Line ends in quoted fields of CSV are part of the value, whatever ends the records."""

import csv
import io
from collections import Counter
from datetime import date

import pytest

from ingestion.decode import quoting
from ingestion.decode.heads import head_of
from ingestion.mapping.file_shape import FileShape
from ingestion.mapping.mapping import SHIPPED
from ingestion.source.unit import Unit
from tests.helpers.landing import HEADER, ROW, read_one

ENDS = ["\n", "\r\n", "\r"]
INNER = [*ENDS, "\n\r", "\r\n\r\n"]
TOP = f"{HEADER.decode()},note"
RECORD = ROW.decode()
GOOD = [*(f'{RECORD},"a{inner}b"' for inner in INNER), f"{RECORD},c", f'{RECORD},"d ""q""\r\n"']
NOTES = [*(f"a{inner}b" for inner in INNER), "c", 'd "q"\r\n']
OPEN = f'{RECORD},"open'
SHORT = "e9,u,v"


def shaped(tmp_path, files):
    """A mapping of canonical records whose files are written so."""
    path = tmp_path / "mine.toml"
    path.write_text(f"{(SHIPPED / 'canonical.toml').read_text()}\n[files]\n{files}\n")
    return str(path)


def by_python(content):
    """The notes as Python's csv module reads them."""
    rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    return [row[-1] for row in list(rows)[1:]]


def notes(rows):
    """The notes of good records, and the texts of rejected ones."""
    return sorted(
        row["payload"]["note"] if row["reject_reason"] is None else row["payload"] for row in rows
    )


@pytest.mark.parametrize(("mark", "last"), [("", ""), ("\ufeff", ""), ("\ufeff", "end")])
@pytest.mark.parametrize("end", ENDS)
def test_a_value_keeps_its_line_ends(tmp_path, end, mark, last):
    content = (mark + end.join([TOP, *GOOD]) + end * bool(last)).encode()
    assert by_python(content) == NOTES
    assert notes(read_one(tmp_path, "x.csv", content)) == sorted(NOTES)


@pytest.mark.parametrize("bad", [OPEN, SHORT])
@pytest.mark.parametrize("end", ENDS)
def test_also_where_another_record_is_broken(tmp_path, end, bad):
    """Such a file is cut into records by another reader than DuckDB's."""
    content = end.join([TOP, *GOOD[:3], bad, *GOOD[3:], ""]).encode()
    rows = read_one(tmp_path, "x.csv", content)
    assert notes(rows) == sorted([*NOTES, bad])
    assert Counter(row["reject_reason"] for row in rows) == {None: len(GOOD), "malformed_csv": 1}


@pytest.mark.parametrize("bad", ["", OPEN, SHORT])
def test_also_where_records_end_in_several_ways(tmp_path, bad):
    records = [*GOOD[:3], *([bad] if bad else []), *GOOD[3:]]
    mixed = [record + ENDS[number % 3] for number, record in enumerate(records)]
    rows = read_one(tmp_path, "x.csv", f"{TOP}\n{''.join(mixed)}".encode())
    assert notes(rows) == sorted([*NOTES, *([bad] if bad else [])])


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ENDS)
def test_also_in_the_header(tmp_path, end, mark):
    """DuckDB takes the first line end that it sees for the end of all records."""
    for inner in INNER:
        content = f'{mark}"a{inner}b",{TOP}{end}1,{RECORD},"c{inner}d"{end}2,{RECORD},x{end}'
        rows = read_one(tmp_path, "x.csv", content.encode())
        got = sorted((row["payload"][f"a{inner}b"], row["payload"]["note"]) for row in rows)
        assert got == [("1", f"c{inner}d"), ("2", "x")], inner


def test_also_where_blanks_are_around_the_quotes(tmp_path):
    content = f'{TOP}\r\n{RECORD}, "a\r\nb" \n{RECORD}, "c\rd"\r\n'.encode()
    assert notes(read_one(tmp_path, "x.csv", content)) == ["a\r\nb", "c\rd"]


def test_also_where_bytes_are_no_utf_8(tmp_path):
    content = "\r\n".join([TOP, *GOOD, f"{RECORD},?\n"]).encode()
    rows = read_one(tmp_path, "x.csv", content.replace(b"?", b"\xff"))
    assert [row["reject_reason"] for row in rows if row["reject_reason"]] == ["invalid_encoding"]
    assert notes(row for row in rows if row["reject_reason"] is None) == sorted(NOTES)


@pytest.mark.parametrize("ends", [["\n"], ["\r\n"], ["\n", "\r\n"]])
def test_lines_that_look_like_records_across_the_blocks_of_the_reader(tmp_path, monkeypatch, ends):
    """DuckDB's threads begin every 8 MB, wherever that is: here mostly in a quoted field."""
    monkeypatch.setattr(quoting, "WRITE_BYTES", 2**20)
    inside = "\r\n".join([f"{RECORD},fake"] * 4_000)
    records = [
        f'e{number},u,v,2026-03-01T12:00:00Z,eu,"{number}\r\n{inside}"{ends[number % len(ends)]}'
        for number in range(150)
    ]
    content = f"{TOP}{ends[0]}{''.join(records)}".encode()
    assert len(content) > 20 * 2**20
    rows = read_one(tmp_path, "x.csv", content)
    assert notes(rows) == sorted(f"{number}\r\n{inside}" for number in range(150))


ESCAPED = {
    r'"a \"quoted\" word"': 'a "quoted" word',
    r'"c:\new\\"': "c:\\new\\",  # of no meaning before another sign
    r'"\\\"x"': r"\"x",
    r'"a \", b"': 'a ", b',
    '"a\r\n\\"b"': 'a\r\n"b',
    r'"a ""doubled"" one"': 'a "doubled" one',
    r"a\b\\": r"a\b\\",  # without quotes nothing is escaped
    r'"\N"': r"\N",
    r"\N": None,
    '"a;b,c"': "a;b,c",
}


@pytest.mark.parametrize("end", ENDS)
def test_quotes_that_a_backslash_escapes(tmp_path, end):
    mine = shaped(tmp_path, r'escape = "\\"')
    content = end.join([TOP, *(f"{RECORD},{written}" for written in ESCAPED)]).encode()
    rows = read_one(tmp_path, "x.csv", content, mine)
    assert {row["reject_reason"] for row in rows} == {None}
    got = Counter(row["payload"]["note"] for row in rows)
    assert got == Counter(ESCAPED.values())


def test_a_record_that_is_broken_among_escaped_ones(tmp_path):
    mine = shaped(tmp_path, r'escape = "\\"')
    good = rf'{RECORD},"a \"b\""'
    bad = [rf'{RECORD},"a \"open', rf'{RECORD},"a "b\" c"', SHORT]
    rows = read_one(tmp_path, "x.csv", "\n".join([TOP, good, *bad, good]).encode(), mine)
    assert notes(rows) == sorted(['a "b"', 'a "b"', *bad])
    assert Counter(row["reject_reason"] for row in rows) == {None: 2, "malformed_csv": 3}


def test_an_escape_that_is_the_quote_is_a_doubled_quote(tmp_path):
    mine = shaped(tmp_path, "escape = '\"'")
    content = f'{TOP}\n{RECORD},"a ""b"" \\"\n'.encode()
    assert notes(read_one(tmp_path, "x.csv", content, mine)) == ['a "b" \\']


def test_the_beginning_of_a_long_file_ends_after_a_record(tmp_path):
    """Samples are read from it: of the third record only a part is left."""
    record = rf'{RECORD},"a \"{chr(10)}b"' + "\n"
    place = tmp_path / "x.csv"
    place.write_text(f"{TOP}\n{record * 3}")
    unit = Unit(str(place), place, "csv", date(2026, 3, 1), size=1)
    size = len(TOP) + 1 + 2 * len(record) + len(record) - 3
    head, is_whole = head_of(unit, FileShape(escape="\\"), tmp_path, size)
    assert (head.path.read_text("utf-8-sig"), is_whole) == (f"{TOP}\n{record * 2}", False)
