"""Templates and files of every format, to the rows that land."""

import gzip
import json
from datetime import UTC, date, datetime

import fsspec
import pytest

from core.errors import UserError
from tests.helpers.landing import (
    HEADER,
    NOON,
    ROW,
    brief,
    found,
    jsonl,
    parquet,
    read,
    read_one,
    write,
)


def test_a_mapping_may_name_the_format(tmp_path):
    write(tmp_path, {"feed_1.gz": b"", "feed_2.txt": b""})
    files = found(tmp_path, tmp_path / "feed_*", mapping="usagov_clicks")
    assert [file.format for file in files.found] == ["jsonl", "jsonl"]


def test_urls(tmp_path):
    write(tmp_path, {"a b.jsonl": jsonl()})
    memory = fsspec.filesystem("memory")
    folder = tmp_path.name
    memory.pipe(f"/{folder}/2026-03-01.jsonl.gz", gzip.compress(jsonl("m1")))
    memory.pipe(f"/{folder}/2026-03-02 (1).parquet.gz", gzip.compress(parquet(event_id=["m2"])))
    assert brief(read(found(tmp_path, f"file://{tmp_path}/a b.jsonl"))) == [("e1", None)]
    files = found(tmp_path, f"memory://{folder}/%Y-%m-%d*")
    assert [file.day.day for file in files.found] == [1, 2]
    assert brief(read(files)) == [("m1", None), ("m2", None)]


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize(
    ("name", "content", "payload"),
    [
        ("x.jsonl", jsonl(n=1, properties={"p": None}), {"n": 1, "p": None}),
        ("x.csv", HEADER + b",n,p\ne1,7,v,2026-03-01 07:00-05,eu,1,\n", {"n": "1", "p": None}),
        ("x.parquet", parquet(n=[1.5], p=[None]), {"n": "1.5", "p": None}),
        ("x.parquet", parquet(properties=[{"p": {"q": [1]}}]), {"p": {"q": [1]}}),
        ("x.parquet", parquet(d=[date(2026, 1, 1)], l=[[1, 2]]), {"d": "2026-01-01", "l": "[1,2]"}),
    ],
)
def test_every_format_lands_the_same_record(tmp_path, name, content, payload, packed):
    assert read_one(tmp_path, name + packed, content) == [
        {
            "event_id": "e1",
            "user_id": "7",
            "event_type": "v",
            "event_ts": NOON,
            "region": "eu",
            "payload": payload,
            "ingest_date": date(2026, 3, 3),
            "event_date": date(2026, 3, 1),
            "reject_reason": None,
            "parse_error": None,
            "source": "canonical",
            "file": None,
            "_unit": 0,
        }
    ]


OK = ("e1", None)
RECORD = json.dumps(
    dict(zip(HEADER.decode().split(","), ROW.decode().split(","), strict=True)),
    separators=(",", ":"),
)
BAD = "malformed_csv"
U2028 = b",a\xe2\x80\xa8b"  # a line separator to Python, no line end of CSV


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (HEADER, []),
        (HEADER + b"\r\n", []),
        (HEADER + b"\n" + ROW + b"\ne2,u\n" + ROW, [OK, OK, ("e2,u", BAD)]),
        (HEADER + b"\n" + ROW + b",x,y\n" + ROW, [OK, (f"{ROW.decode()},x,y", BAD)]),
        (HEADER + b'\ne2,"u"x,v,2026-03-01,eu\n' + ROW, [OK, ('e2,"u"x,v,2026-03-01,eu', BAD)]),
        (HEADER + b'\n"a\nb",1\n' + ROW, [OK, ('"a\nb",1', BAD)]),
        (HEADER + b'\n"a\n""b",u,v,2026-03-01,eu\n', [('a\n"b', None)]),
        # A quote that is not closed takes no other line along.
        (HEADER + b'\n"e2,u,v,\n' + (ROW + b"\n") * 20, [OK] * 20 + [('"e2,u,v,', BAD)]),
        (
            HEADER + b'\n"e2,u,v,\n' + ROW + b'\n"e3"",u\n' + ROW,
            [OK, OK, ('"e2,u,v,', BAD), ('"e3"",u', BAD)],
        ),
        (HEADER + b"\r" + ROW + b"\r" + ROW + b"\r", [OK, OK]),
        (HEADER + b"\r\n" + ROW + b"\r\n\r\n" + ROW, [OK, OK]),
        (b"\xef\xbb\xbf" + HEADER + b"\n" + ROW, [OK]),
        (HEADER.removesuffix(b",region") + b"\n" + ROW.removesuffix(b",eu"), [OK]),
        (b"\n" + HEADER + b"\n" + ROW, [OK]),
        (
            HEADER + b"\n" + ROW + b"\n\xff" + ROW,
            [OK, (RECORD.replace("e1", "\\xffe1"), "invalid_encoding")],
        ),
        (HEADER + b"\r\n" + ROW + b"\n" + ROW + b"\r\n", [OK, OK]),
        (HEADER + U2028 + b",c\n" + ROW + b",1,2\n", [OK]),
        (b"," + HEADER + b"\n0," + ROW, [OK]),
    ],
)
def test_csv(tmp_path, content, expected, packed):
    assert brief(read_one(tmp_path, "x.csv" + packed, content)) == sorted(expected, key=str)


@pytest.mark.parametrize("column", ["file", "ingest_date", "filename", "line", "path"])
@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_any_column_name_is_kept(tmp_path, name, column):
    content = HEADER + b"," + column.encode() + b"\n" + ROW + b",theirs\n"
    if name == "x.parquet":
        content = parquet(**{column: ["theirs"]})
    [row] = read_one(tmp_path, name, content)
    assert row["payload"] == {column: "theirs"}


@pytest.mark.parametrize(("cell", "kept"), [(b"", None), (b"  ", "  "), (b'""', None)])
def test_a_rejected_csv_row_is_kept_whole(tmp_path, cell, kept):
    [row] = read_one(tmp_path, "x.csv", HEADER + b"\n" + cell + ROW[2:])
    assert (row["event_id"], row["reject_reason"]) == (None, "missing_event_id")
    record = dict(zip(HEADER.decode().split(","), ROW.decode().split(","), strict=True))
    assert row["payload"] == record | {"event_id": kept}


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_a_nul_character_lands_nowhere_but_escaped(tmp_path, name):
    content = HEADER + b",n\n" + ROW + b",a\x00b\n"
    [row] = read_one(tmp_path, name, content if name == "x.csv" else parquet(n=["a\x00b"]))
    assert (row["event_id"], row["reject_reason"]) == (None, "nul_character")
    assert json.loads(row["payload"])["n"] == "a\x00b"


def test_headers_may_drift_within_a_range(tmp_path):
    first = b"Comment ID,Sender,Receiver,Timestamp\r1,7,8,4/4/13 16:32\r"
    second = b"Timestamp,CommentID,Reciever,Sender\r4/5/13,2,8,7\r"
    nodes = b"UID,region,experience\n7,NULL,3\n"
    write(tmp_path, {"DLT1 E.csv": first, "DLT2 E.csv": second, "DLT2 N.csv": nodes})
    rows = read(found(tmp_path, tmp_path / "DLT* E.csv", mapping="mooc_ed"), "mooc_ed")
    assert [(row["event_id"], row["user_id"], row["event_ts"], row["payload"]) for row in rows] == [
        ("1", "DLT1-7", datetime(2013, 4, 4, 16, 32, tzinfo=UTC), {"Receiver": "8"}),
        ("2", "DLT2-7", datetime(2013, 4, 5, tzinfo=UTC), {"Reciever": "8"}),
    ]
    [profile] = read(found(tmp_path, tmp_path / "DLT2 N.csv"), "mooc_ed", profiles=True)
    assert (profile["user_id"], profile["tier"], profile["region"]) == ("DLT2-7", "3", None)
    assert (profile["updated_at"], profile["payload"]) == (datetime(2026, 3, 3, tzinfo=UTC), {})


def test_packed_parquet_files_of_one_name(tmp_path):
    days = {f"2026/03/0{day}/e.parquet.gz": parquet(event_id=[f"e{day}"]) for day in (1, 2)}
    write(tmp_path, days)
    rows = read(found(tmp_path, tmp_path / "%Y/%m/%d/e.parquet.gz"))
    assert [(row["event_id"], row["ingest_date"].day) for row in rows] == [("e1", 1), ("e2", 2)]


STORED = bytearray(gzip.compress(jsonl(), 0, mtime=0))
STORED[STORED.index(b"e1")] ^= 1  # one bit: the checksum no longer matches
DAMAGED = (
    gzip.compress(HEADER, mtime=0)[:10] + b"\xff" * 40
)  # a gzip header, then no deflate stream


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.jsonl.gz", b"garbage"),
        ("x.jsonl.gz", gzip.compress(jsonl() * 99, mtime=0)[:-9]),
        ("x.csv", HEADER[:8] + b"\n" + ROW),
        ("x.csv.gz", gzip.compress(HEADER, mtime=0)[:-9]),
        ("x.csv.gz", DAMAGED),
        ("x.parquet", b"garbage"),
        ("x.parquet.gz", b"garbage"),
        ("x.jsonl.gz", bytes(STORED)),
    ],
)
def test_a_file_that_cannot_be_read_is_a_user_error(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        read(found(tmp_path, tmp_path / name))
    assert "\n" not in str(error.value)
