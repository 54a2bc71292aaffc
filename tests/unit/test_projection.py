"""Lines of JSON through a real file: what lands of every record, good or broken."""

import json
import random
import re
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from core.days import DayRange, Window
from ingestion.decode.readers import read
from ingestion.mapping.landing_schema import EVENTS
from ingestion.mapping.mapping import load_mapping
from ingestion.mapping.reading import Reading
from ingestion.mapping.reasons import EVENT_REASONS
from ingestion.source.files import find_files

DAY = date(2026, 3, 1)
STARTED = datetime(2026, 3, 3, 12, tzinfo=UTC)
TABLE = load_mapping("canonical").events
RECORD = {"event_id": "e1", "user_id": "u", "event_type": "v", "event_ts": "2026-03-01T10:00:00Z"}


def land(tmp_path, content):
    """The landing rows of one .jsonl file, with the payload as Python has it."""
    (tmp_path / "x.jsonl").write_bytes(content)
    days = DayRange(DAY, date(2026, 3, 2))
    found = find_files("EVENTS_URL", str(tmp_path / "x.jsonl"), Window.of_days(days), TABLE)
    rows = []
    units = (unit for _, unit in found.units(found.found, tmp_path))
    for batch in read(units, Reading(TABLE, "canonical", STARTED, 1000)):
        rows += pa.Table.from_batches([batch]).cast(EVENTS).to_pylist()
    for row in rows:
        assert row["payload"][0] == "\x01"
        assert not re.search(r"(?<!\\)(\\\\)*\\u0000", row["payload"]), "jsonb refuses NUL"
        assert (row["ingest_date"], row["source"]) == (DAY, "canonical")
        row["payload"] = json.loads(row["payload"][1:], parse_float=Decimal)
    return rows


def line(*rest, **fields):
    """A record as one line; `rest` is raw JSON text appended to it."""
    text = json.dumps(RECORD | fields)
    return ", ".join([text[:-1], *rest]).encode() + b"}\n"


def test_a_canonical_record(tmp_path):
    content = line(user_id=7, region="eu", event_ts="2026-03-01T23:30:00.123456-02:00")
    assert land(tmp_path, content) == [
        {
            "event_id": "e1",
            "user_id": "7",
            "event_type": "v",
            "event_ts": datetime(2026, 3, 2, 1, 30, 0, 123456, tzinfo=UTC),
            "region": "eu",
            "payload": {},
            "ingest_date": DAY,
            "event_date": date(2026, 3, 2),
            "reject_reason": None,
            "_unit": 0,
            "parse_error": None,
            "source": "canonical",
            "file": None,
        }
    ]


@pytest.mark.parametrize(
    ("rest", "payload"),
    [
        (
            '"a": 1.5, "b": null, "c": [1, {"d": null}]',
            {"a": 1.5, "b": None, "c": [1, {"d": None}]},
        ),
        ('"é\\"": "\\ud83d\\ude00\\n"', {'é"': "😀\n"}),
        ('"a": 123456789012345678901234567890', {"a": 123456789012345678901234567890}),
        ('"properties": {"p": 1, "q": null, "r": {"s": []}}', {"p": 1, "q": None, "r": {"s": []}}),
        ('"a": 1, "properties": { "p" : 2 } ', {"a": 1, "p": 2}),
        ('"properties": {}', {}),
        ('"a": 1, "properties": { }', {"a": 1}),
        ('"properties": {"event_id": "other"}', {"event_id": "other"}),
        ('"a": 1, "properties": {"a": 2, "b": 3}', {"a": 1, "properties": {"a": 2, "b": 3}}),
        ('"a": 1, "properties": {"a": 1}', {"a": 1, "properties": {"a": 1}}),
        ('"a": 1, "properties": {"properties": 2}', {"a": 1, "properties": 2}),
        ('"a": null, "properties": {"a": 2}', {"a": None, "properties": {"a": 2}}),
        ('"properties": null', {"properties": None}),
        ('"properties": "text"', {"properties": "text"}),
        ('"properties": "{\\"a\\": 1}"', {"properties": '{"a": 1}'}),
        ('"properties": "\\u007b}"', {"properties": "{}"}),
        ('"properties": "\\u007B}"', {"properties": "{}"}),
        ('"a": 1, "properties": [{"b": 2}]', {"a": 1, "properties": [{"b": 2}]}),
        ('"t": "NaN, Infinity, 1e99999, }"', {"t": "NaN, Infinity, 1e99999, }"}),
        ('"t": "\\\\u0000"', {"t": "\\u0000"}),
        ('"a": [1, ],', {"a": [1]}),
        # Documented in docs/mapping.md: fractions are float64, as everywhere in JSON.
        ('"a": 0.12345678901234567890123456789', {"a": Decimal("0.12345678901234568")}),
    ],
)
def test_what_the_columns_do_not_hold_is_payload(tmp_path, rest, payload):
    [row] = land(tmp_path, line(rest))
    assert (row["event_id"], row["reject_reason"], row["payload"]) == ("e1", None, payload)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"event_id": "e1"', "malformed_json"),
        (b"{'event_id': 1}", "malformed_json"),
        (b'{"a": 1} // note', "malformed_json"),
        (b'{"a": 1}{"a": 2}', "malformed_json"),
        (b'{"a": "\\ud800"}', "malformed_json"),
        (b'{"a": "tab\there"}', "malformed_json"),
        (b'"one quote only', "malformed_json"),
        (b"[1]", "malformed_json"),
        (b"null", "malformed_json"),
        (line('"a": NaN').strip(), "malformed_json"),
        (line('"a": [-Infinity]').strip(), "malformed_json"),
        (line('"a": 1e99999').strip(), "malformed_json"),
        (b'{"event_id": "e1", "a": 1e-99999}', "malformed_json"),
        (line('"a": "\\u0000"').strip(), "nul_character"),
        (line('"a": "\\\\\\u0000"').strip(), "nul_character"),
        (line('"a": "x\x00y"').strip(), "nul_character"),
        (b'{"broken": "\\u0000', "nul_character"),
        (b'{"a": "\x01\x02\x03\x04 after"}', "malformed_json"),
        (line('"properties": {"a": 1}, "properties": {"b": 2}').strip(), "duplicate_key"),
        (line('"event_id": "e2"').strip(), "duplicate_key"),
        (line('"a": 1, "\\u0061": 1').strip(), "duplicate_key"),
    ],
)
def test_a_broken_line_is_kept_whole(tmp_path, raw, reason):
    """The rest of the row is null but the user, where one can be read: whose the record is. A raw
    NUL is kept as the six characters of its escape."""
    before, row, after = sorted(
        land(tmp_path, line(event_id="a") + raw + b"\n" + line(event_id="z")),
        key=lambda row: row["event_id"] or "m",
    )
    assert (before["reject_reason"], after["reject_reason"]) == (None, None)
    kept = row.pop("payload")
    assert row.pop("user_id") in (None, "u")
    assert kept == raw.decode().replace("\x00", "\\u0000")
    filled = {"ingest_date": DAY, "source": "canonical", "file": "x.jsonl", "_unit": 0}
    filled |= {"reject_reason": reason, "parse_error": reason}
    assert row == dict.fromkeys(row) | filled


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (b'{"event_id": "e1", "a": "\xff"}', '{"event_id": "e1", "a": "\\xff"}'),
        (b'{"a": "\xc3\xa9\xfe"}', '{"a": "é\\xfe"}'),
        (b'{"a": "\xc3"}', '{"a": "\\xc3"}'),
        (b'{"a": "\xff\x00"}', '{"a": "\\xff\\u0000"}'),
    ],
)
def test_invalid_utf8_keeps_its_bytes(tmp_path, raw, kept):
    rows = land(tmp_path, line(event_id="a") + raw + b"\n" + line(event_id="z"))
    assert sorted(row["event_id"] or "" for row in rows) == ["", "a", "z"]
    assert [(row["reject_reason"], row["payload"]) for row in rows if not row["event_id"]] == [
        ("invalid_encoding", kept)
    ]


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        (b"", []),
        (b"\n\n \n", []),
        (line() + b"\n   \n" + line(event_id="e2"), ["e1", "e2"]),
        (line().replace(b"\n", b"\r\n") * 2 + b"\r\n", ["e1", "e1"]),
        (line().replace(b"\n", b"\r") * 3, ["e1", "e1", "e1"]),
        (line() + line().replace(b"\n", b"\r\n") + line(), ["e1", "e1", "e1"]),
        (b"\xef\xbb\xbf" + line(), ["e1"]),
        (line() + line(event_id="e2").strip(), ["e1", "e2"]),
        (line() + b"\t \n", ["e1"]),
    ],
)
def test_line_ends_and_blank_lines(tmp_path, content, ids):
    rows = land(tmp_path, content)
    assert sorted(row["event_id"] for row in rows if not row["reject_reason"]) == ids
    assert len(rows) == len(ids)


@pytest.mark.parametrize("column", list(RECORD))
@pytest.mark.parametrize("value", ["absent", None, "", "   "])
def test_a_missing_required_field_keeps_the_original(tmp_path, column, value):
    record = RECORD | {"x": 1, "properties": {"p": None}} | {column: value}
    if value == "absent":
        del record[column]
    [row] = land(tmp_path, json.dumps(record).encode())
    assert (row[column], row["payload"]) == (None, record)
    assert row["reject_reason"] == f"missing_{column}"


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ('{"event_id": "e1", "a": [1,],}', '{"event_id": "e1", "a": [1,],}'),
        ('{"event_id": "e1", "t": "x, }"}', {"event_id": "e1", "t": "x, }"}),
    ],
)
def test_an_original_that_jsonb_refuses_is_kept_as_text(tmp_path, raw, kept):
    [row] = land(tmp_path, raw.encode())
    assert (row["event_id"], row["payload"]) == ("e1", kept)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_received_record_lands_once(tmp_path, seed):
    rng = random.Random(seed)  # noqa: S311
    originals = [line('"properties": {"a": [1, -2.5e3]}', event_id=f"e{i}") for i in range(300)]
    lines = []
    for original in originals:
        raw = bytearray(original.strip())
        alphabet = b'{}[]",:\\ 019nae-.TZ\x00' + rng.choice([b"", b"\xff\xc3\xed\xf0"])
        for _ in range(rng.choice([0, 1, 1, 2, 5])):
            at, new = rng.randrange(1, len(raw)), bytes([rng.choice(alphabet)])
            raw[at : at + rng.choice([0, 1, 1, 3])] = rng.choice([new, b""])
        lines.append(bytes(raw))
    rows = land(tmp_path, b"\n".join(lines))
    assert len(rows) == 300
    untouched = {f"e{i}" for i in range(300) if originals[i].strip() == lines[i]}
    for row in rows:
        missing = [column for column in RECORD if row[column] is None]
        if row["reject_reason"] is None:
            assert not missing
            assert row["event_date"] == row["event_ts"].date()
        elif row["reject_reason"].startswith("missing_"):
            assert row["reject_reason"] == f"missing_{missing[0]}"
        else:
            assert row["reject_reason"] in EVENT_REASONS
            assert (row["event_ts"], row["event_date"]) == (None, None)
    assert len({row["reject_reason"] for row in rows}) >= 4  # the mutations do break things
    intact = {row["event_id"] for row in rows if row["payload"] == {"a": [1, -2500]}}
    assert untouched <= intact


BLANKS = [
    " ",
    "\t",
    "\n ",
    "\u00a0",
    "\u0085",
    "\u1680",
    "\u2003\u200a",
    "\u200b",
    "\u2028",
    "\u202f",
]
BLANKS += ["\u2060", "\u3000", "\ufeff", "\u3164", "\u2800", "\u00a0 \u200b"]


@pytest.mark.parametrize("column", ["event_id", "user_id", "event_type", "event_ts"])
def test_a_text_of_nothing_but_blanks_is_missing(tmp_path, column):
    rows = land(tmp_path, b"".join(line(**{column: blank}) for blank in BLANKS))
    assert [row["reject_reason"] for row in rows] == [f"missing_{column}"] * len(BLANKS)


@pytest.mark.parametrize("text", ["\u00a0x", "\u200bé", "é", "用户", "~", "\x7fa", " x ", "😀"])
def test_a_text_beside_blanks_is_as_it_was(tmp_path, text):
    [row] = land(tmp_path, line(user_id=text))
    assert (row["user_id"], row["reject_reason"]) == (text, None)
