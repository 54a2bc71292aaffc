"""Drafts of files that nobody described: right where the files say it, open where they do not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from core.days import Window, parse_window
from core.errors import UserError
from ingestion.demo.files import DAYS, write_demo_files
from tests.helpers.drafts import RECORD, checked, drafted, events, landed, lines, of_files, said
from tests.helpers.landing import parquet, write


def test_a_draft_of_the_projects_own_files_lands_what_the_shipped_mapping_lands(tmp_path):
    write_demo_files(tmp_path)
    mapping = tmp_path / "drafted.toml"
    found = drafted(tmp_path / "events", mapping, PROFILES_URL=str(tmp_path / "profiles"))
    assert found.open == []
    days = Window.of_days(DAYS)
    rows = landed(found.url, days, mapping)
    assert len(rows) == 6_409
    assert rows == landed(found.url, days, "canonical")
    profiles = f"{tmp_path}/profiles/%Y-%m-%d.csv"
    rows = landed(profiles, days, mapping, profiles=True)
    assert len(rows) == 4_410
    assert rows == landed(profiles, days, "canonical", profiles=True)


def test_the_demo_files_are_the_same_each_time(tmp_path):
    def written() -> dict[str, bytes]:
        write_demo_files(tmp_path)
        return {str(file): file.read_bytes() for file in tmp_path.rglob("*.*")}

    first = written()
    assert len(first) == 9
    assert written() == first


def test_a_till_that_nobody_described(tmp_path):
    write_demo_files(tmp_path)
    found = drafted(tmp_path / "shop", tmp_path / "draft.toml")
    assert (found.url, found.days) == (
        f"{tmp_path}/shop/%Y-%m-%d.csv",
        " FROM=2025-03-13 TO=2025-03-15",
    )
    assert found.open == ["timezone"]
    table = said(tmp_path)["events"]
    assert said(tmp_path)["files"] == {"delimiter": ";"}
    assert (table["user_id"], table["event_type"], table["region"]) == (
        "customer_no",
        "what",
        "country",
    )
    assert table["event_ts_format"] == ["%d.%m.%Y %H:%M:%S"]
    rows = landed(found.url, Window.of_days(DAYS), tmp_path / "draft.toml")
    assert len(rows) == 6_397
    assert [row["reject_reason"] for row in rows] == [None] * len(rows)
    assert rows[0]["payload"].keys() == {"Article", "Amount"}


@pytest.mark.parametrize(
    ("at", "time_format"),
    [
        (1772366400, "epoch_seconds"),
        (1772366400123, "epoch_millis"),
        ("1772366400123456", "epoch_micros"),
        (1772366400123456789, "epoch_nanos"),
        ("03/13/2026 7:05 PM", ["%m/%d/%Y %I:%M %p"]),
        ("13/Mar/2026:19:05:00 +0100", ["%d/%b/%Y:%H:%M:%S %z"]),
        ("Fri, 13 Mar 2026 19:05:00 GMT", ["%a, %d %b %Y %H:%M:%S %Z"]),
        ("2026-03-13T19:05:00+01:00", None),
    ],
)
def test_how_times_are_written(tmp_path, at, time_format):
    of_files(tmp_path, {"2026-03-13.jsonl": lines(*events(event_ts=at))})
    assert said(tmp_path)["events"].get("event_ts_format") == time_format
    [table] = checked(tmp_path / "in", tmp_path / "draft.toml").tables
    assert table.accepted == 40


def test_of_two_ways_to_read_a_day_the_one_near_its_file_and_the_other_is_told(tmp_path):
    of_files(tmp_path, {"2026-03-02.jsonl": lines(*events(event_ts="02/03/2026 10:00"))})
    assert said(tmp_path)["events"]["event_ts_format"] == ["%d/%m/%Y %H:%M"]


def test_of_two_ways_without_a_day_of_the_file_the_other_one_is_open(tmp_path):
    found = of_files(tmp_path, {"x.jsonl": lines(*events(event_ts="02/03/2026 10:00"))})
    assert "event_ts_format" in found.open
    assert '# event_ts_format = ["%d/%m/%Y %H:%M"]' in (tmp_path / "draft.toml").read_text()


def test_a_time_that_cannot_be_read_is_not_replaced_by_the_day_of_its_file(tmp_path):
    found = of_files(tmp_path, {"2026-03-01.jsonl": lines(*events(event_ts="noonish"))})
    assert "event_ts_format" in found.open
    assert said(tmp_path)["events"]["event_ts"] == "event_ts"
    with pytest.raises(UserError, match=r"accepts none: 40 records \(invalid_event_ts 40\)"):
        checked(tmp_path / "in", tmp_path / "draft.toml").refuse()


def test_records_without_a_time_are_of_the_day_of_their_file(tmp_path):
    without = [{k: v for k, v in each.items() if k != "event_ts"} for each in events()]
    of_files(tmp_path, {"2026-03-01.jsonl": lines(*without)})
    [table] = checked(tmp_path / "in", tmp_path / "draft.toml").tables
    assert (table.accepted, f"{table.first:%Y-%m-%d %H}") == (40, "2026-03-01 00")


def test_an_envelope_of_another_kind(tmp_path):
    inner = [
        {"meta": {"uuid": f"{n:032x}", "at": "2026-03-01T10:00:00Z"}, "kind": "v", "seq": n}
        | {"who": {"user": {"id": f"u{n % 5}", "country": "NL"}}, "data": {"n": n}}
        for n in range(50)
    ]
    of_files(tmp_path, {"2026-03-01.json": json.dumps(inner).encode()})
    fields = said(tmp_path)["events.fields"] if "events.fields" in said(tmp_path) else {}
    fields = fields or said(tmp_path)["events"]["fields"]
    assert {*fields.values()} == {"meta.uuid", "meta.at", "kind", "who.user.id", "who.user.country"}
    assert said(tmp_path)["events"]["lift"] == "data"
    [table] = checked(tmp_path / "in", tmp_path / "draft.toml").tables
    assert (table.accepted, table.repeated) == (50, 0)


def test_what_nothing_says_is_left_open(tmp_path):
    records = [{"t": "2026-03-01T10:00:00Z", "colour": f"c{n % 3}", "n": n} for n in range(30)]
    found = of_files(tmp_path, {"2026-03-01.jsonl": lines(*records)})
    assert found.open == ["user_id"]
    text = (tmp_path / "draft.toml").read_text()
    assert "values that come again: colour" in text
    with pytest.raises(UserError, match="gives no expression for user_id"):
        checked(tmp_path / "in", tmp_path / "draft.toml")


def test_exact_copies_are_one_event_where_there_is_no_id(tmp_path):
    records = [{k: v for k, v in each.items() if k != "event_id"} for each in events(9)]
    records = [each | {"n": n} for n, each in enumerate(records)]
    of_files(tmp_path, {"2026-03-01.jsonl": lines(*records, *records[:2])})
    [table] = checked(tmp_path / "in", tmp_path / "draft.toml").tables
    assert (table.accepted, table.repeated) == (11, 2)


def test_an_id_that_is_none_is_told(tmp_path):
    records = [{**each, "n": n, "id": n % 3} for n, each in enumerate(events())]
    for record in records:
        del record["event_id"]
    found = of_files(tmp_path, {"2026-03-01.jsonl": lines(*records)})
    text = " ".join((tmp_path / "draft.toml").read_text().split())
    assert "id is named like one, but: in 100 % of the records, 7.5 % of distinct" in text
    assert found.open == []


def test_a_column_that_was_renamed_is_one_field(tmp_path):
    head = b"Comment ID,Sender,Timestamp,What\n"
    rows = b"".join(b"%d,%d,2026-03-01 10:00Z,post\n" % (n, n % 4) for n in range(20))
    more = b"".join(b"%d,%d,2026-03-02 10:00Z,post\n" % (n, n % 4) for n in range(20, 40))
    files = {"2026-03-01.csv": head + rows, "2026-03-02.csv": b"CommentID,Sender,Timestamp,What\n"}
    files["2026-03-02.csv"] += more
    of_files(tmp_path, files)
    assert said(tmp_path)["events"]["fields"]["comment_id"] == ["Comment ID", "CommentID"]
    [table] = checked(tmp_path / "in", tmp_path / "draft.toml").tables
    assert (table.accepted, table.problems) == (40, [])


@pytest.mark.parametrize(
    ("name", "content", "files", "accepted"),
    [
        (
            "x.txt",
            b"event_id|user_id|event_type|event_ts\n1|2|v|2026-03-01\n",
            {"delimiter": "|"},
            1,
        ),
        (
            "x.csv",
            "event_id;user_id;event_type;event_ts\n1;Zoë;v;2026-03-01 10:00Z\n".encode("cp1252"),
            {"delimiter": ";", "encoding": "cp1252"},
            1,
        ),
        (
            "x.csv",
            "event_id,user_id,event_type,event_ts\n1,2,v,2026-03-01\n".encode("utf-16"),
            None,
            1,
        ),
        (
            "x.csv",
            "event_id,user_id,event_type,event_ts\n1,2,v,2026-03-01\n".encode("utf-16-le"),
            {"encoding": "utf-16-le"},
            1,
        ),
        ("x.parquet", parquet(properties=[{"p": 1}]), None, 1),
    ],
)
def test_how_files_are_written(tmp_path, name, content, files, accepted):
    of_files(tmp_path, {name: content})
    assert said(tmp_path).get("files") == files
    [table] = checked(tmp_path / "in", tmp_path / "draft.toml").tables
    assert (table.accepted, table.problems) == (accepted, [])


def test_csv_without_a_header(tmp_path):
    rows = b"".join(b"%d,u%d,2026-03-01 10:00:0%d\n" % (n, n % 3, n % 10) for n in range(20))
    found = of_files(tmp_path, {"2026-03-01.csv": rows})
    assert said(tmp_path)["files"] == {
        "header": False,
        "columns": ["column1", "column2", "column3"],
    }
    assert said(tmp_path)["events"]["event_ts"] == "column3"
    assert found.open == ["user_id", "timezone"]


def test_ids_that_something_took_for_fractions(tmp_path):
    rows = b"".join(b"%d,%d.0,v,2026-03-01T10:00Z\n" % (n, n % 3) for n in range(20))
    of_files(tmp_path, {"x.csv": b"id,customer,type,at\n" + rows})
    [table] = checked(tmp_path / "in", tmp_path / "draft.toml").tables
    assert {row["user_id"] for row in table.rows} <= {"0", "1", "2"}


def test_a_file_that_is_there_is_not_overwritten(tmp_path):
    of_files(tmp_path, {"one.jsonl": lines(RECORD)})
    before = (tmp_path / "draft.toml").read_bytes()
    with pytest.raises(UserError, match="is there already"):
        drafted(tmp_path / "in", tmp_path / "draft.toml")
    with pytest.raises(UserError, match="MAPPING='canonical' is there already"):
        drafted(tmp_path / "in", Path("canonical"))
    assert (tmp_path / "draft.toml").read_bytes() == before


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    write(tmp_path / "in", {"one.jsonl": lines(RECORD)})
    with pytest.raises(UserError, match="cannot be written: No such file or directory"):
        drafted(tmp_path / "in", tmp_path / "nowhere" / "draft.toml")


def test_no_warehouse_is_touched(tmp_path):
    of_files(tmp_path, {"one.jsonl": lines(RECORD)})
    checked(tmp_path / "in", tmp_path / "draft.toml")
    assert os.listdir(os.environ["LOCAL_DIR"]) == ["scratch"]
    assert os.listdir(Path(os.environ["LOCAL_DIR"]) / "scratch") == []


def test_quotes_that_a_backslash_escapes(tmp_path):
    rows = [f'e{at},u{at},{at % 3},2026-03-13T10:00:00Z,"a \\"{at}\\", b"' for at in range(40)]
    content = "\n".join(["event_id,user_id,event_type,event_ts,note", *rows]).encode()
    found = of_files(tmp_path, {"2026-03-13.csv": content})
    assert said(tmp_path)["files"] == {"escape": "\\"}
    day = parse_window("2026-03-13", "2026-03-13")
    notes = [row["payload"]["note"] for row in landed(found.url, day, tmp_path / "draft.toml")]
    assert sorted(notes) == sorted(f'a "{at}", b' for at in range(40))
