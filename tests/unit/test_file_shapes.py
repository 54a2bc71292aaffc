"""Files as people really have them: whatever the name, the packing, the encoding, the dialect."""

import bz2
import gzip
import json
import lzma

import pyarrow as pa
import pytest

from core.errors import UserError
from ingestion.mapping.mapping import SHIPPED
from tests.helpers.landing import (
    HEADER,
    ROW,
    brief,
    found,
    jsonl,
    packed,
    parquet,
    read,
    read_one,
)

TWO = [("e1", None), ("e2", None)]
CANONICAL = (SHIPPED / "canonical.toml").read_text()
LINES = jsonl("e1", note='a "b",\n[c]{\\') + jsonl("e2")
RECORDS = [json.loads(line) for line in LINES.splitlines()]
SPREAD = "\n".join(json.dumps(record, indent=2) for record in RECORDS).encode()
TABLE = HEADER + b"\n" + ROW + b"\n" + ROW.replace(b"e1", b"e2") + b"\n"


def mapping(tmp_path, files):
    path = tmp_path / "mine.toml"
    path.write_text(f"{CANONICAL}\n[files]\n{files}\n")
    return str(path)


def array(indent=None):
    return json.dumps(RECORDS, indent=indent).encode()


@pytest.mark.parametrize("pack", ["", ".gz", ".zst"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.jsonl", LINES),
        ("x.ndjson", LINES),
        ("x.json", LINES),
        ("x.json", array()),
        ("x.json", array(indent=2)),
        ("x.jsonl", b" \r\n" + array(indent=2) + b"\r\n"),
        ("x.json", b"\xef\xbb\xbf" + array()),
        ("x.json", SPREAD),
        ("x.ndjson", b"\xef\xbb\xbf\n" + SPREAD.replace(b"\n", b"\r\n")),
        ("x.csv", TABLE),
        ("x.CSV", TABLE),
        ("x.tsv", TABLE.replace(b",", b"\t")),
        ("x.parquet", parquet(event_id=["e1"])),
    ],
)
def test_every_format_in_every_packing(tmp_path, name, content, pack):
    expected = TWO[:1] if name == "x.parquet" else TWO
    assert brief(read_one(tmp_path, name + pack, content)) == expected


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.jsonl", gzip.compress(LINES, mtime=0)),
        ("x.csv", packed("x.zst", TABLE)),
        ("x.parquet", LINES),
        ("x.csv", LINES),
        ("part-0", LINES),
        ("part-0", array(indent=1)),
        ("part-0.c000.bin", packed("x.zst", LINES)),
        ("x.jsonl.zst", gzip.compress(LINES, mtime=0)),
        ("x.jsonl.gz", gzip.compress(gzip.compress(LINES, mtime=0), mtime=0)),
        ("x.csv.zst.gz", gzip.compress(packed("x.zst", TABLE), mtime=0)),
        ("x.csv", packed("x.zst", gzip.compress(TABLE, mtime=0))),
        ("x.jsonl.zst", b"\x50\x2a\x4d\x18\x02\0\0\0ab" + packed("x.zst", LINES)),
    ],
)
def test_the_content_decides_where_the_name_lies(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert brief(read(found(tmp_path, tmp_path / name))) == TWO


@pytest.mark.parametrize("name", ["x.jsonl.gz", "x.jsonl.zst"])
def test_a_plain_file_that_says_it_is_packed(tmp_path, name):
    (tmp_path / name).write_bytes(LINES)
    assert brief(read(found(tmp_path, tmp_path / name))) == TWO


def test_parquet_is_seen_whatever_its_name(tmp_path):
    (tmp_path / "part-0").write_bytes(parquet())
    assert brief(read(found(tmp_path, tmp_path / "part-0"))) == TWO[:1]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.jsonl.zip", b"PK\x03\x04", "no known format"),
        ("x.bin", b"\x00\x01", "no known format"),
        ("x.jsonl", bz2.compress(LINES), "it is bzip2"),
        ("x.csv.gz", lzma.compress(TABLE), "it is xz"),
        (
            "x.jsonl.gz",
            gzip.compress(gzip.compress(LINES, mtime=0)[:-3], mtime=0),
            "not valid gzip in line ",
        ),
        ("x.csv", b'"event\nid",user_id\n', "has event?id, user_id"),
        ("x.csv", b"a" * 1000, "a…"),
        ("x.txt", TABLE, "no known format"),
        ("plain", b"", "no known format"),
        ("x.json", array()[:-20], "ends within its JSON array, in line 1"),
        ("x.json", array(indent=1)[:-2], "ends within its JSON array, in line 1"),
        ("x.json", SPREAD[:-2], "ends within a JSON object, in line "),
        ("x.csv.gz", b"\x00\x1f\x8b" + TABLE, "not valid gz in line 1"),
        ("x.jsonl.gz", gzip.compress(LINES, mtime=0)[:-3], "not valid gzip in line 3: "),
        ("x.csv.gz", gzip.compress(TABLE, mtime=0)[:-3], "not valid gzip in line 4: "),
        ("x.jsonl.zst", packed("x.zst", LINES)[:-3], "not valid zstd in line "),
        ("x.parquet", parquet()[:-40], "not valid Parquet"),
        ("x.csv", TABLE.replace(b"user_id", b"uid"), "needs the column 'user_id', line 1 of "),
        ("x.csv", b"\n\n" + TABLE.replace(b"user_id", b"uid"), "'user_id', line 3 of "),
        ("x.csv", TABLE.replace(b",", b";"), 'delimiter = ";"'),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        read(found(tmp_path, tmp_path / name))
    assert says in str(error.value)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("pack", ["", ".gz", ".zst"])
@pytest.mark.parametrize(
    "content", [b"[]", b"[ ]\n", b" [\r\n]", b"\n", b"\r\n \n", b"\xef\xbb\xbf[]"]
)
def test_a_file_of_blanks_or_of_an_empty_array_has_no_record(tmp_path, content, pack):
    assert read_one(tmp_path, f"x.json{pack}", content) == []


def test_a_damaged_member_of_an_array_is_one_record(tmp_path):
    content = b'[{"event_id": nope}, ' + array()[1:]
    rows = brief(read_one(tmp_path, "x.json", content))
    assert [reason for _, reason in rows] == [None, None, "malformed_json"]


def test_a_line_that_is_an_array_is_one_record_among_lines(tmp_path):
    rows = brief(read_one(tmp_path, "x.jsonl", b"[1, 2]\n" + LINES))
    assert rows == sorted([*TWO, ("[1, 2]", "malformed_json")], key=str)


@pytest.mark.parametrize(
    ("files", "content"),
    [
        ('delimiter = ";"', TABLE.replace(b",", b";")),
        ('delimiter = "|"\nquote = "\'"', TABLE.replace(b",", b"|").replace(b"e2", b"'e2'")),
        ('quote = ""', TABLE),
        (
            'header = false\ncolumns = ["event_id", "user_id", "event_type", "event_ts", "region"]',
            TABLE[len(HEADER) + 1 :],
        ),
        (
            'columns = ["event_id", "user_id", "event_type", "event_ts", "region"]',
            TABLE.replace(HEADER, b"a,b,c,d,e"),
        ),
    ],
)
def test_dialects_of_csv(tmp_path, files, content):
    mine = mapping(tmp_path, files)
    assert brief(read_one(tmp_path, "x.csv", content, mine)) == TWO


def test_files_of_profiles_may_be_written_otherwise(tmp_path):
    """What they do not say themselves is as in those of events."""
    files = 'delimiter = ";"\nencoding = "cp1252"\n[files.profiles]\ndelimiter = "|"'
    mine = mapping(tmp_path, files)
    events = TABLE.replace(b",", b";")
    assert brief(read_one(tmp_path, "x.csv", events, mine)) == TWO
    profile = "user_id|tier|region|updated_at\nu1|pro|Zürich|2026-01-01\n".encode("cp1252")
    (tmp_path / "p.csv").write_bytes(profile)
    [row] = read(found(tmp_path, tmp_path / "p.csv", mapping=mine), mine, profiles=True)
    assert (row["user_id"], row["region"], row["reject_reason"]) == ("u1", "Zürich", None)


def test_a_stray_quote_in_another_dialect_takes_no_line_along(tmp_path):
    mine = mapping(
        tmp_path,
        'delimiter = ";"\nquote = "\'"\nheader = false\n'
        'columns = ["event_id", "user_id", "event_type", "event_ts"]',
    )
    row = b"e%d;u;v;2026-03-01T12:00:00Z\n"
    rows = brief(read_one(tmp_path, "x.csv", b"'e0;u;v\n" + row % 1 + row % 2, mine))
    assert rows == sorted([*TWO, ("'e0;u;v", "malformed_csv")], key=str)


def test_without_a_quote_character_quotes_are_text(tmp_path):
    mine = mapping(tmp_path, 'quote = ""')
    [row] = read_one(tmp_path, "x.csv", HEADER + b",n\n" + ROW + b',6" pipe\n', mine)
    assert row["payload"] == {"n": '6" pipe'}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("pack", ["", ".gz"])
def test_a_byte_order_mark_says_the_encoding(tmp_path, encoding, pack):
    table = TABLE.decode().replace(",u,", ",Zoë,")
    records = [{**record, "user_id": "Zoë"} for record in RECORDS]
    lines = "\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    pretty = json.dumps(records, ensure_ascii=False, indent=1)
    for name, text in {"x.csv": table, "x.jsonl": lines, "x.json": pretty}.items():
        rows = read_one(tmp_path, name + pack, text.encode(encoding))
        assert [row["user_id"] for row in rows] == ["Zoë", "Zoë"], name


def test_an_encoding_that_the_mapping_names(tmp_path):
    mine = mapping(tmp_path, 'encoding = "cp1252"')
    content = TABLE.replace(b",u,", b",\x80\xeb,", 1).replace(b",u,", b",\x81,")
    rows = read_one(tmp_path, "x.csv", content, mine)
    assert sorted((row["user_id"] or "", row["reject_reason"]) for row in rows) == [
        ("", "invalid_encoding"),
        ("€ë", None),
    ]
    content = LINES.replace(b'"eu"', b'"\x80"', 1).replace(b'"eu"', b'"\x81"')
    rows = read_one(tmp_path, "x.jsonl", content, mine)
    assert sorted((row["region"] or "", row["reject_reason"]) for row in rows) == [
        ("", "invalid_encoding"),
        ("€", None),
    ]


def test_a_cut_utf_16_character_is_quarantined(tmp_path):
    content = LINES.decode().encode("utf-16") + b"\x0a"
    rows = brief(read_one(tmp_path, "x.jsonl", content))
    assert [row for row in rows if row[1] is None] == TWO
    assert [row[1] for row in rows if row[1]] == ["invalid_encoding"]


def test_a_number_that_is_none_is_missing(tmp_path):
    (tmp_path / "x.parquet").write_bytes(
        parquet(event_id=["a"], user_id=[float("nan")], x=[float("nan")], y=[1.5], z=[float("inf")])
    )
    [row] = read(found(tmp_path, tmp_path / "x.parquet"))
    assert (row["user_id"], row["reject_reason"]) == (None, "missing_user_id")
    kept = {"user_id": None, "x": None, "y": "1.5", "z": "inf"}
    assert kept.items() <= row["payload"].items()


def test_binary_parquet_is_text_where_it_can_be(tmp_path):
    content = parquet(
        event_id=pa.array(["e1", "e2"], pa.string()).cast(pa.binary()),
        user_id=["7", "7"],
        event_type=["v", "v"],
        event_ts=["2026-03-01T12:00:00Z"] * 2,
        region=["eu", "eu"],
        text=pa.array(["ü".encode(), b"\xff"], pa.binary()),
        nested=pa.array([[{"b": b'it"s'}], []], pa.list_(pa.struct([("b", pa.binary())]))),
    )
    rows = {row["reject_reason"]: row for row in read_one(tmp_path, "x.parquet", content)}
    assert rows.keys() == {None, "invalid_encoding"}
    assert rows[None]["payload"] == {"text": "ü", "nested": '[{"b":"it\\"s"}]'}
    assert "\\xff" in str(rows["invalid_encoding"]["payload"])


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ("delimeter = ';'", "unknown settings delimeter"),
        ("delimiter = ';;'", "delimiter = ';;'"),
        ("delimiter = '\"'", "quote = '\"'"),
        ("escape = '::'", "escape = '::'"),
        ("escape = ','", "escape = ','"),
        ("delimiter = ';'\nescape = ';'", "escape = ';'"),
        ("quote = ''\nescape = '\\'", "escape = '\\\\'"),
        ("escape = 3", "escape = 3"),
        ("encoding = 'klingon'", "encoding = 'klingon'"),
        ("header = 'no'", "header = 'no'"),
        ("header = false", "needs columns"),
        ("columns = ['a', 'A']", "columns = ['a', 'A']"),
        ("[files.profiles]\ndelimeter = ';'", "[files.profiles] has unknown settings delimeter"),
        ("delimiter = ';'\n[files.profiles]\nquote = ';'", "[files.profiles] quote = ';'"),
    ],
)
def test_a_wrong_setting_is_one_line(tmp_path, files, says):
    with pytest.raises(UserError) as error:
        found(tmp_path, tmp_path / "x", mapping=mapping(tmp_path, files))
    assert says in str(error.value)
