"""`make compare`: which tables, columns, types and days; what it ends with; what it never shows."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg2 import sql

from core.days import parse_range
from core.errors import UserError
from core.warehouse.connection import Warehouse
from reporting.compare import rows
from reporting.compare.columns import read_schema
from reporting.compare.side import open_pair
from reporting.compare.statements import Statements
from reporting.settings import CompareSettings
from tests.conftest import administer
from tests.helpers.two_tables import DAYS, ROWS, Compared, TwoTables, addresses, dsn

D3 = "where event_date = '2026-03-03'"


def test_other_types_are_compared_by_value(tables: TwoTables, compared: Compared):
    changes = ("region type varchar(20)", "event_ts type timestamp", "quantity type bigint",
               "amount type double precision", "session_id type text", "properties type json",
               "is_paid type text", "ingest_date type text", "price type text")  # fmt: skip
    tables.change(*(f"alter table loaded alter {each}" for each in changes))
    status, found = compared()
    assert (status, found["reasons"]) == (0, [])
    assert set(found["types"]) == {each.split()[0] for each in changes}
    # What is text of no number, null, and zero are three things.
    tables.change(f"update loaded set price = 'none' {D3} and event_id = 'e12000'")
    status, found = compared()
    assert (status, found["rows_differing_by_column"]) == (1, {"price": 1})


def test_columns_of_one_side_are_told_by_name_and_status(tables: TwoTables, compared: Compared):
    tables.change(
        "alter table loaded drop column region", "alter table loaded add column note text"
    )
    status, found = compared()
    assert (status, found["days_differing"]) == (1, [])
    assert found["columns_only"] == {"left": ["region"], "right": ["note"]}
    status, found = compared(IGNORE="loaded_at,region,note")
    assert (status, found["equal"]) == (0, True)


def test_only_the_days_asked_for_are_read(tables: TwoTables, compared: Compared):
    tables.change(f"delete from loaded {D3}")
    status, found = compared(FROM="2026-03-04", TO="2026-03-06")
    assert (status, found["days"], found["rows"]["left"]) == (0, 3, 3 * ROWS)
    status, found = compared(FROM="2026-03-03", TO="")
    assert (status, found["days"]) == (1, 1)


def test_timestamps_are_days_where_there_is_no_date(tables: TwoTables, compared: Compared):
    tables.run(tables.right, "alter table loaded drop column event_date")
    status, found = compared(DAY_COLUMN="event_ts", IGNORE="loaded_at,event_date")
    assert (status, found["days"]) == (0, DAYS)
    tables.change(
        "delete from loaded where event_ts between '2026-03-03 14:00' and '2026-03-03 16:00'"
    )
    status, found = compared()
    assert [each["code"] for each in found["reasons"]] == ["hours_missing"]


def test_a_report_in_a_file_and_a_summary_of_100_columns(
    tables: TwoTables, compared: Compared, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    tables.change(
        f"insert into loaded select * from loaded {D3}",
        "delete from loaded where event_date = '2026-03-05' and event_ts::time >= '20:00'",
    )
    path = tmp_path / "report.md"
    assert compared(REPORT=str(path), JSON="false")[0] == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"different: 2 of {DAYS} days differ; 4,800 and 5,300 rows; ")
    assert max(map(len, lines)) <= 100
    text = path.read_text()
    assert text.startswith(f"# different: 2 of {DAYS} days differ; 4,800 and 5,300 rows\n")
    assert "| loaded again: the same rows more than once | right | 600 | 2026-03-03 |" in text
    assert "| 2026-03-03 | 600 | 1,200 | 0 | 0 | 0 | 600 | 0 |" in text
    assert "| 2026-03-05 | 600 | 500 | 0 | 100 | 0 | 0 | 0 |" in text
    widths = {line.count(" | ") for line in text.splitlines() if line.startswith("| 2026-03-0")}
    assert widths == {7}


def test_nothing_is_written_and_no_more_than_the_days_is_read(tables: TwoTables):
    with open_pair(*addresses(tables)) as pair:
        with pytest.raises(UserError, match=r"^RIGHT: .* read-only transaction"):
            pair.right.rows("create table x ()")
    with open_pair(*addresses(tables)) as pair:
        settings = CompareSettings(*addresses(tables), key=("user_id", "event_id"))
        statements = Statements(read_schema(pair, settings), days=parse_range(*["2026-03-03"] * 2))
        query = statements.by_day(pair.left)
        plan = pair.left.rows(sql.SQL("explain {}").format(query))
        assert {name for [line] in plan for name in re.findall(r" on (p\d)\b", line)} == {"p2"}


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows of the left side are matched at a time."""
    found: list[int] = []
    add = rows.Matched.add

    def counting(self: rows.Matched, left: rows.Rows, right: rows.Rows, names: list[str]) -> None:
        found.append(len(left))
        add(self, left, right, names)

    monkeypatch.setattr(rows.Matched, "add", counting)
    monkeypatch.setattr("reporting.compare.look.AT_A_TIME", 3_000)
    return found


def test_a_large_day_is_narrowed_down_and_matched_in_parts(
    tables: TwoTables, compared: Compared, fetched: list[int]
):
    """Of 20,000 rows with three faults some 1,500 are fetched; all of them where most differ."""
    big = (
        "create table big as select f.*, n from {} as f, generate_series(1, 33) as n "
        "where event_date = '2026-03-03'"
    )
    tables.run(tables.left, "drop table if exists big", big.format("fact_events"))
    tables.change(
        big.format("loaded"),
        "delete from big where event_id = 'e12000' and n = 1",
        "update big set amount = 0 where event_id = 'e12001' and n = 2",
        "insert into big select * from big where event_id = 'e12002' and n = 3",
    )
    asked = {"left": "public.big", "right": "public.big", "KEY": "user_id,event_id,n"}
    _, found = compared(**asked)
    [day] = found["days_differing"]
    assert day["lacking"] == {"left": 0, "right": 1}
    assert (day["repeated"], day["differing"]) == ({"left": 0, "right": 1}, 1)
    assert 0 < sum(fetched) < 2_500
    fetched.clear()
    tables.change("update big set quantity = 7")
    _, found = compared(**asked)
    assert found["rows_differing_by_column"]["quantity"] == 33 * (ROWS - 1) - 1
    assert (sum(fetched), len(fetched) >= 8) == (33 * ROWS, True)
    assert max(fetched) < 6_000


def test_pairs_and_exchanges_do_not_cancel_out(tables: TwoTables, compared: Compared):
    """An xor of rows would be blind for the first, a sum of columns for the second."""
    pairs = "create table {} as select unnest(array[{}]) as id, date '2026-03-01' as event_date"
    name = "pairs"
    tables.run(tables.left, pairs.format(name, "1, 2, 2"))
    tables.change(pairs.format(name, "1, 3, 3"))
    _, found = compared(left=f"public.{name}", right=f"public.{name}", KEY="id")
    [day] = found["days_differing"]
    assert (day["lacking"], day["repeated"]) == ({"left": 1, "right": 1}, {"left": 1, "right": 1})
    tables.change(
        "update loaded set quantity = 13 - quantity "
        "where event_date = '2026-03-04' and event_id in ('e18006', 'e18007')",
    )
    _, found = compared()
    assert [each["day"] for each in found["days_differing"]] == ["2026-03-04"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"LEFT": ""}, "LEFT is not set: give a table"),
        ({"RIGHT": "loaded"}, "RIGHT='loaded' is not schema.table, after a libpq URL"),
        ({"KEY": ""}, "KEY is not set: give the columns"),
        ({"KEY": "user_id,,"}, "KEY='user_id,,': a word is empty or there twice"),
        ({"KEY": "nobody"}, "KEY='nobody' is no column of public.fact_events in "),
        ({"DAY_COLUMN": "region"}, "DAY_COLUMN='region' is text: a date or a timestamp is needed"),
        ({"RECEIPT_COLUMN": "region"}, "RECEIPT_COLUMN='region' is no column of dates"),
        ({"right": "public.nothing"}, "RIGHT: there is no public.nothing in "),
        ({"right": "nowhere.loaded"}, "RIGHT: there is no nowhere.loaded in "),
        ({"FROM": "2026-02-30"}, "FROM='2026-02-30' is not a day"),
        (
            {"RIGHT": "postgresql://me:hidden-word@127.0.0.1:1/x/a.b"},
            "RIGHT: cannot connect: ",
        ),
        (
            {"RIGHT": "host=127.0.0.1 port=1 password=hidden-word/a.b"},
            "RIGHT: cannot connect: ",
        ),
        ({"RIGHT": "password=hidden-word 'x/a.b"}, "RIGHT: what is before /a.b is no URL or "),
        (
            {"RIGHT": "password=hidden-word/a"},
            "RIGHT='password=***/a' is not schema.table, after",
        ),
    ],
)
def test_what_is_wrong_is_one_line_without_secrets(
    settings: dict[str, str], message: str, compared: Compared
):
    with pytest.raises(UserError) as refused:
        compared(**settings)
    assert f"{refused.value}".startswith(message)
    assert "hidden-word" not in f"{refused.value}"
    assert "\n" not in f"{refused.value}"


def test_a_database_of_another_encoding(server: Warehouse, tables: TwoTables, compared: Compared):
    name = f"{tables.right.database}_latin1"
    administer(server, "create database {} encoding 'LATIN1' locale 'C' template template0", name)
    latin = replace(tables.right, database=name)
    create = "create table t (id int, event_date date, name text, extra jsonb)"
    fill = (
        "insert into t select i, '2026-03-01', 'Zoë ' || i, jsonb_build_object('é', 'ö') "
        "from generate_series(1, 9) as i"
    )
    try:
        for place in (latin, tables.left):
            tables.run(place, "drop table if exists t", create, fill)
        settings = {"left": "public.t", "RIGHT": f"{dsn(latin)}/public.t", "KEY": "id"}
        status, found = compared(**settings)
        assert (status, found["rows"]) == (0, {"left": 9, "right": 9})
        tables.run(latin, "update t set name = 'Zoe' where id = 3")
        status, found = compared(**settings)
        assert found["rows_differing_by_column"] == {"name": 1}
    finally:
        administer(server, "drop database {} with (force)", name)


def test_a_key_with_the_day_and_ignored_times(tables: TwoTables, compared: Compared):
    tables.change(
        f"delete from loaded {D3} and event_ts >= '2026-03-03 03:00+00'",
        f"insert into loaded select l.* from loaded as l, generate_series(1, 999) "
        f"{D3} and event_id in ('e12001', 'e12002')",
    )
    status, found = compared(
        KEY="event_date,user_id,event_id", IGNORE="event_ts,loaded_at,ingest_date"
    )
    assert status == 1
    assert {each["code"] for each in found["reasons"]} == {"rows_missing", "loaded_again"}
    [again] = [each for each in found["reasons"] if each["code"] == "loaded_again"]
    assert (again["rows"], len(again["samples"][0]["right"])) == (2 * 999, 2)
