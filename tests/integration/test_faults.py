"""Every fault that a source is known to commit: in Postgres, counted, with its reason, intact."""

from __future__ import annotations

import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import UserError
from tests.helpers.pipeline import ingest_files, query

DAY = "2026-01-01"
GOOD = {"event_id": "e1", "user_id": "u", "event_type": "v", "event_ts": f"{DAY}T10:00:00Z"}
HEADER = b"event_id,user_id,event_type,event_ts,n\n"
ROW = f"e1,u,v,{DAY}T10:00:00Z,1\n".encode()
ROWS = """
    select reject_reason, event_id, payload
    from raw.events order by 2, 1
"""


def line(rest: str = "", **fields) -> bytes:
    """A record as a line of JSON; `rest` is raw text before its end."""
    return (json.dumps(GOOD | fields)[:-1] + rest).encode() + b"}\n"


def parquet(**columns) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({name: [value] for name, value in (GOOD | columns).items()}), file)
    return file.getvalue()


def at(time: str) -> bytes:
    return line(event_ts=time)


def gz(*members: bytes) -> bytes:
    return b"".join(gzip.compress(member, mtime=0) for member in members)


TEN_MB = "x" * 10_000_000
LONG = "x" * 1_001
DEEP_LIST = '{"a":' + "[" * 10_000 + "]" * 10_000 + "}"
DEEP_OBJECT = '{"a":' * 10_000 + "1" + "}" * 10_000
OVERSIZED = '{"a":"' + "x" * 17_000_000 + '"}'
BIG = '{"int": 123456789012345678901234567890, "float": 1e400, "small": -1e-400}'
DUPLICATE = line(', "event_id": "e2"').decode().strip()
NOT_UTF8 = "caf\\xe9"
EVENT = (None, "e1")

# name of the file: content, then per landed record its reason and event id, and its payload or
# quarantined original (... where it is the record that went in).
FAULTS = {
    "bytes that are not UTF-8": (
        "x.jsonl",
        b'{"event_id": "caf\xe9"}\n' + line(),
        [(*EVENT, {}), ("invalid_encoding", None, '{"event_id": "caf\\xe9"}')],
    ),
    "bytes that are not UTF-8, CSV": (
        "x.csv",
        HEADER + ROW + b"caf\xe9" + ROW,
        [
            (*EVENT, {"n": "1"}),
            (
                "invalid_encoding",
                None,
                json.dumps(
                    dict(
                        zip(
                            HEADER.decode().strip().split(","),
                            ["caf\\xe9e1", "u", "v", f"{DAY}T10:00:00Z", "1"],
                            strict=True,
                        )
                    ),
                    separators=(",", ":"),
                ).replace("\\\\", "\\"),
            ),
        ],
    ),
    "NUL, raw": ("x.jsonl", b'{"a": "\x00"}\n', [("nul_character", None, '{"a": "\\u0000"}')]),
    "NUL, escaped": ("x.jsonl", b'{"a": "\\u0000"}', [("nul_character", None, '{"a": "\\u0000"}')]),
    "NUL, Parquet": (
        "x.parquet",
        parquet(event_id="\x00"),
        [("nul_character", None, json.dumps(GOOD | {"event_id": "\x00"}, separators=(",", ":")))],
    ),
    "BOM": ("x.jsonl", b"\xef\xbb\xbf" + line(), [(*EVENT, {})]),
    "BOM, CSV": ("x.csv", b"\xef\xbb\xbf" + HEADER + ROW, [(*EVENT, {"n": "1"})]),
    "CR-only line ends": ("x.jsonl", line()[:-1] + b"\r" + line()[:-1], [(*EVENT, {})] * 2),
    "CR-only line ends, CSV": (
        "x.csv",
        (HEADER + ROW * 2).replace(b"\n", b"\r"),
        [(*EVENT, {"n": "1"})] * 2,
    ),
    "mixed line ends": (
        "x.jsonl",
        line() + line()[:-1] + b"\r\n" + line()[:-1] + b"\r" + line(),
        [(*EVENT, {})] * 4,
    ),
    "mixed line ends, CSV": (
        "x.csv",
        HEADER + ROW[:-1] + b"\r\n" + ROW + ROW[:-2] + b'"a\nb"\r' + ROW,
        [(*EVENT, {"n": "1"})] * 3 + [(*EVENT, {"n": "a\nb"})],
    ),
    "a gzip of no bytes": ("x.jsonl.gz", b"", []),
    "a gzip of an empty member": ("x.csv.gz", gz(b""), []),
    "gzip members, one empty": ("x.jsonl.gz", gz(line(), b"", line()), [(*EVENT, {})] * 2),
    "duplicate keys": ("x.jsonl", DUPLICATE.encode(), [("duplicate_key", None, DUPLICATE)]),
    "duplicate keys that no column holds": (
        "x.jsonl",
        line(', "a": 1, "a": 2'),
        [("duplicate_key", None, line(', "a": 1, "a": 2').decode().strip())],
    ),
    "numbers beyond int64 and float64": (
        "x.jsonl",
        line(f', "properties": {BIG}'),
        [(*EVENT, json.loads(BIG) | {"float": 10**400})],
    ),
    "numbers beyond jsonb": (
        "x.jsonl",
        b'{"a": 1e999999}\n{"a": NaN}',
        [("malformed_json", None, '{"a": 1e999999}'), ("malformed_json", None, '{"a": NaN}')],
    ),
    "a number of 2,000 digits": (
        "x.jsonl",
        b'{"a": ' + b"1" * 2_000 + b"}",
        [("malformed_json", None, '{"a": ' + "1" * 2_000 + "}")],
    ),
    "a line of 10 MB": (
        "x.jsonl",
        line(t=TEN_MB) + line(),
        [(*EVENT, {}), (*EVENT, {"t": TEN_MB})],
    ),
    "a line of 10 MB, CSV": (
        "x.csv",
        HEADER + ROW[:-1] + TEN_MB.encode() + b"\n" + ROW,
        [(*EVENT, {"n": "1"}), (*EVENT, {"n": "1" + TEN_MB})],
    ),
    "a line of 17 MB": (
        "x.jsonl",
        line() + OVERSIZED.encode() + b"\n" + line(),
        [(*EVENT, {})] * 2 + [("oversized_record", None, OVERSIZED)],
    ),
    "a line of 17 MB, CSV": (
        "x.csv",
        HEADER + ROW + OVERSIZED.encode() + b",a,b,c,d\n" + ROW,
        [(*EVENT, {"n": "1"})] * 2 + [("oversized_record", None, ...)],
    ),
    "an id of 10 MB": (
        "x.jsonl",
        line(user_id=TEN_MB),
        [("oversized_field", None, GOOD | {"user_id": TEN_MB})],
    ),
    "a region of 1,001 bytes": (
        "x.jsonl",
        line(region=LONG),
        [("oversized_field", None, GOOD | {"region": LONG})],
    ),
    "10,000 lists deep": (
        "x.jsonl",
        DEEP_LIST.encode(),
        [("nested_too_deeply", None, DEEP_LIST)],
    ),
    "10,000 objects deep": (
        "x.jsonl",
        DEEP_OBJECT.encode(),
        [("nested_too_deeply", None, DEEP_OBJECT)],
    ),
    "10,000 lists deep in a column": (
        "x.parquet",
        parquet(properties=DEEP_LIST),
        [(*EVENT, {"properties": DEEP_LIST})],
    ),
    "10,000 brackets, not deep": (
        "x.jsonl",
        line(', "a": [' + "[]," * 9_999 + '[], "[[[["]'),
        [(*EVENT, {"a": [[]] * 10_000 + ["[[[["]})],
    ),
    **{
        f"the time {time}": ("x.jsonl", at(time), [(reason, "e1", GOOD | {"event_ts": time})])
        for time, reason in {
            "0000-01-01": "event_ts_out_of_range",
            "0044-03-15 (BC)": "event_ts_out_of_range",
            "99999-01-01T00:00:00Z": "event_ts_out_of_range",
            "294277-01-01": "invalid_event_ts",
            "infinity": "event_ts_out_of_range",
            "-infinity": "event_ts_out_of_range",
            "2026-02-30T00:00:00Z": "invalid_event_ts",
            "2016-12-31T23:59:60Z": "invalid_event_ts",
            "2026-01-01T25:00:00Z": "invalid_event_ts",
            "NaN": "invalid_event_ts",
        }.items()
    },
    "no id": (
        "x.jsonl",
        line(event_id=None),
        [("missing_event_id", None, GOOD | {"event_id": None})],
    ),
    "a field that is an object": (
        "x.jsonl",
        line(user_id={"id": 7}, properties=[1]),
        [(*EVENT, {"properties": [1]})],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_accounted_for(warehouse, tmp_path, fault):
    name, content, expected = FAULTS[fault]
    (tmp_path / name).write_bytes(content)
    result = ingest_files(warehouse, str(tmp_path / name), DAY)
    rows = query(warehouse, ROWS)
    assert result.events.total == len(rows) == len(expected)
    expected = sorted(expected, key=str)
    for got, wanted in zip(sorted(rows, key=str), expected, strict=True):
        assert got[:2] == wanted[:2]
        if wanted[2] is not ...:
            assert got[2] == wanted[2]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("x.jsonl.gz", gz(line() * 99)[:-9], "is not valid gzip"),
        ("x.jsonl.gz", gz(line()) + gz(line() * 99)[:-1], "is not valid gzip"),
        ("x.jsonl.gz", gz(line()) + b"garbage", "is not valid gzip"),
        ("x.csv.gz", gz(HEADER + ROW)[:20], "is not valid gzip"),
        ("x.parquet", parquet()[:-9], "is not valid Parquet"),
    ],
)
def test_a_damaged_file_loads_nothing(warehouse, tmp_path, name, content, why):
    (tmp_path / "a.jsonl").write_bytes(line())
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=why) as error:
        ingest_files(warehouse, str(tmp_path / "*"), DAY)
    assert "\n" not in str(error.value)
    assert query(warehouse, "select count(*) from raw.events") == [(0,)]
    assert query(warehouse, "select count(*) from raw.loads") == [(0,)]
