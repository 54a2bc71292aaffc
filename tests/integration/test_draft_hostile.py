"""Drafts of what is no data, or is odd: one line each, and no half of a mapping."""

from __future__ import annotations

import json
from datetime import date

import pytest

from core.errors import UserError
from ingestion.decode.heads import head_of
from ingestion.mapping.file_shape import FileShape
from ingestion.source.unit import Unit
from tests.helpers.drafts import RECORD, checked, drafted, events, lines, of_files, said
from tests.helpers.landing import write


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.jsonl": b"", "b.jsonl": b""}, "all empty"),
        ({"a.jsonl": b"\n \n"}, "has no record"),
        ({"a.csv": b"event_id,user_id\n"}, "has no record"),
        ({"a.jsonl.gz": b"\x1f\x8b\x08\x00broken"}, "is not valid gzip"),
        ({"a.dat": bytes(range(256)) * 9}, "is no text of records"),
        ({"a.json": json.dumps({"events": [RECORD] * 3}).encode()}, "jq -c '.events"),
        ({"a.jsonl": b"[1]\nnope\n"}, "2 records are malformed_json"),
        ({}, "has no file with data"),
    ],
)
def test_what_is_no_data_is_one_line(tmp_path, files, said):
    (tmp_path / "in").mkdir()
    for name, content in files.items():
        (tmp_path / "in" / name).write_bytes(content)
    with pytest.raises(UserError) as refused:
        drafted(tmp_path / "in", tmp_path / "draft.toml")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "draft.toml").exists()


def test_files_that_cannot_be_read_are_told_one_by_one_and_the_others_drafted(tmp_path):
    good = lines(*events())
    files = {f"2026-03-0{n}.jsonl": good for n in range(1, 4)}
    write(tmp_path / "in", files)
    (tmp_path / "in" / "2026-03-04.jsonl.gz").write_bytes(b"\x1f\x8b\x08\x00broken")
    (tmp_path / "in" / "2026-03-05.jsonl").write_bytes(b"")
    found = drafted(f"{tmp_path}/in/%Y-%m-%d*", tmp_path / "draft.toml")
    assert [note for note in found.notes if "2026-03-04" in note and "gzip" in note]
    assert said(tmp_path)["events"]["event_id"] == "event_id"
    with pytest.raises(UserError, match=r"ingestion would refuse it: .*2026-03-04"):
        checked(f"{tmp_path}/in/%Y-%m-%d*", tmp_path / "draft.toml").refuse()


@pytest.mark.parametrize("kind", [pytest.param("csv", marks=pytest.mark.full), "jsonl"])
def test_ten_thousand_columns(tmp_path, kind):
    names = [*RECORD, *(f"c{n}" for n in range(10_000))]
    rows = [[*each.values(), *range(10_000)] for each in events(3)]
    text = [",".join(names), *(",".join(map(str, row)) for row in rows)]
    content = "\n".join(text).encode()
    if kind == "jsonl":
        content = lines(*(dict(zip(names, row, strict=True)) for row in rows))
    of_files(tmp_path, {f"x.{kind}": content})
    assert said(tmp_path)["events"]["event_id"] == "event_id"


def test_mixed_types_and_huge_fields(tmp_path):
    odd = [1, "x", None, True, [1, 2], {"a": {"b": {"c": {"d": {"e": 1}}}}}, 10**40, 1.5, ""]
    records = [
        each | {"odd": odd[n % len(odd)], "huge": "x" * 500_000, "a.b": n, "": n, 'q"': n}
        for n, each in enumerate(events(30))
    ]
    of_files(tmp_path, {"2026-03-01.jsonl": lines(*records)})
    [table] = checked(tmp_path / "in", tmp_path / "draft.toml").tables
    assert (table.accepted, table.problems) == (30, [])


def test_one_record(tmp_path):
    of_files(tmp_path, {"one.jsonl": lines(RECORD)})
    assert said(tmp_path)["events"]["event_id"] == "event_id"


def test_of_a_large_file_only_the_beginning_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("ingestion.sampling.BYTES", 20_000)
    write(tmp_path / "in", {"2026-03-01.csv.gz": b"x"})
    rows = "".join(f'e{n},u{n % 9},v,2026-03-01T10:00Z,"a\nb"\n' for n in range(9_000))
    write(tmp_path / "in", {"2026-03-01.csv.gz": f"event_id,user,type,at,note\n{rows}".encode()})
    found = drafted(tmp_path / "in", tmp_path / "draft.toml")
    assert "of 1 large files only the beginning was looked at" in found.notes
    [table] = checked(tmp_path / "in", tmp_path / "draft.toml").tables
    assert 300 < table.accepted == table.received < 2_000


def test_the_beginning_of_csv_ends_where_a_record_ends(tmp_path):
    record = 'e1,"a\nlonger note"\n'
    place = tmp_path / "x.csv"
    place.write_text("event_id,note\n" + record * 100)
    unit = Unit("x.csv", place, "csv", date(2026, 3, 1), place.stat().st_size)
    for size in range(200, 200 + len(record)):
        head, is_whole = head_of(unit, FileShape(), tmp_path, size)
        text = head.path.read_text(encoding="utf-8-sig")
        assert not is_whole
        assert text.removeprefix("event_id,note\n").replace(record, "") == ""
