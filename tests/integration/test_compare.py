"""`make compare`: planted differences between tables of two databases, each found and named."""

from __future__ import annotations

from tests.helpers.tiers import matrix
from tests.helpers.two_tables import DAYS, ROWS, Compared, TwoTables, reasons


def test_equal_tables_are_equal(compared):
    status, found = compared()
    assert (status, found["equal"]) == (0, True)
    assert found["rows"] == {"left": DAYS * ROWS, "right": DAYS * ROWS}
    assert (found["days"], found["days_differing"], found["reasons"]) == (DAYS, [], [])
    assert found["columns_not_compared"] == ["loaded_at"]


D3 = "where event_date = '2026-03-03'"
SIXTH = "(split_part(event_id, 'e', 2)::int % 6)"
# What is done to the right side, and the one reason that is told: code, side, column, rows, days.
MISSING_OR_AGAIN = {
    "a day loaded twice": (
        [f"insert into loaded select * from loaded {D3}"],
        ("loaded_again", "right", "", ROWS, 1),
    ),
    "rows loaded again later": (
        [
            f"insert into loaded select (l).* from (select l from loaded as l {D3} limit 20) as x",
            f"update loaded set loaded_at = now() + interval '1 day' {D3}",
        ],
        ("loaded_again", "right", "", 20, 1),
    ),
    "versions that were not deduplicated": (
        [
            "create table again as select * from loaded where event_date = '2026-03-03' limit 9",
            "update again set event_type = 'view2'",
            "insert into loaded select * from again",
        ],
        ("several_versions", "right", "", 9, 1),
    ),
    "late rows": (
        ["delete from loaded where ingest_date > event_date"],
        ("late_rows_lost", "right", "", DAYS * ROWS // 50, DAYS),
    ),
    "the hours before the run": (
        [f"delete from loaded {D3} and event_ts >= '2026-03-03 03:00+00'"],
        ("first_hours_only", "right", "", 525, 1),
    ),
    "an outage of two hours": (
        [f"delete from loaded {D3} and event_ts::time >= '14:00' and event_ts::time < '16:00'"],
        ("hours_missing", "right", "", 50, 1),
    ),
    "a day that is not there": (
        [f"delete from loaded {D3}"],
        ("day_missing", "right", "", ROWS, 1),
    ),
    "a day too many": (
        [
            f"create table more as select * from loaded {D3}",
            "update more set event_date = '2026-03-20', event_id = 'new ' || event_id",
            "insert into loaded select * from more",
        ],
        ("day_missing", "left", "", ROWS, 1),
    ),
    "a region that was not delivered": (
        [f"delete from loaded {D3} and region = 'eu'"],
        ("group_missing", "right", "region", 203, 1),
    ),
    "rows lost at random": (
        [f"delete from loaded {D3} and hashtext(event_id) % 7 = 0"],
        ("rows_missing", "right", "", None, 1),
    ),
}
OTHER_VALUES = {
    "the tier of now": (
        ["update loaded set user_tier = 'pro' where split_part(event_id, 'e', 2)::int % 2 = 0"],
        ("current_not_as_of", "right", "user_tier", 4 * ROWS // 2, 4),
    ),
    "the tier of nobody": (
        ["update loaded set user_tier = 'unknown'"],
        ("one_value", "right", "user_tier", DAYS * ROWS, DAYS),
    ),
    "a column that is always the same": (
        ["update loaded set event_type = 'unknown'"],
        ("one_value", "right", "event_type", DAYS * ROWS, DAYS),
    ),
    "times of another zone": (
        ["update loaded set event_ts = event_ts + interval '1 hour'"],
        ("shifted", "right", "event_ts", DAYS * ROWS, DAYS),
    ),
    "times without fractions": (
        [f"update loaded set event_ts = date_trunc('second', event_ts) {D3}"],
        ("time_cut", "right", "event_ts", ROWS - 1, 1),
    ),
    "rounded numbers": (
        [f"update loaded set amount = round(amount, 2) {D3}"],
        ("rounded", "right", "amount", None, 1),
    ),
    "decimals cut off": (
        [f"update loaded set amount = trunc(amount, 1) {D3}"],
        ("decimals_cut", "right", "amount", None, 1),
    ),
    "cents": (
        [f"update loaded set amount = amount * 100 {D3}"],
        ("scaled", "right", "amount", ROWS - 1, 1),
    ),
    "single precision": (
        ["alter table loaded alter price type real"],
        ("single_precision", "right", "price", None, DAYS),
    ),
    "trimmed text": (
        [f"update loaded set name = btrim(name) {D3} and {SIXTH} = 0"],
        ("trimmed", "right", "name", ROWS // 6, 1),
    ),
    "lower case": (
        [f"update loaded set region = upper(region) {D3}"],
        ("other_case", "right", "region", ROWS, 1),
    ),
    "null for empty": (
        [f"update loaded set name = null {D3} and name = ''"],
        ("null_for_empty", "right", "name", ROWS // 6, 1),
    ),
    "empty for null": (
        [f"update loaded set name = '' {D3} and name is null"],
        ("null_for_empty", "left", "name", ROWS // 6, 1),
    ),
    "values lost": (
        [f"update loaded set quantity = null {D3}"],
        ("null", "right", "quantity", ROWS, 1),
    ),
    "another encoding": (
        [f"update loaded set name = convert_from(convert_to(name, 'UTF8'), 'LATIN1') {D3}"],
        ("other_encoding", "right", "name", ROWS // 6, 1),
    ),
    "text cut off": (
        ["alter table loaded alter region type varchar(2) using left(region, 2)"],
        ("cut_off", "right", "region", None, DAYS),
    ),
    "keys of JSON": (
        [f"update loaded set properties = properties - 'n' {D3}"],
        ("json_keys", "right", "properties", ROWS, 1),
    ),
    "types in JSON": (
        [
            "update loaded set properties = properties "
            f"|| jsonb_build_object('n', properties->>'n') {D3}"
        ],
        ("json_types", "right", "properties", ROWS, 1),
    ),
    "an older delivery": (
        [f"update loaded set quantity = quantity + 1, ingest_date = ingest_date - 1 {D3}"],
        ("older_version", "right", "", ROWS, 1),
    ),
    "swapped columns": (
        [f"update loaded set region = event_type, event_type = coalesce(region, '') {D3}"],
        ("swapped", "", "", ROWS, 1),
    ),
    "values that changed places": (
        [
            "update loaded set quantity = 25213 - quantity "
            "where event_date = '2026-03-03' and event_id in ('e12001', 'e12002')"
        ],
        ("values_differ", "", "quantity", 2, 1),
    ),
}


@matrix("planted", {"missing or again": MISSING_OR_AGAIN, "other values": OTHER_VALUES})
def test_a_planted_difference_is_found_and_named(planted, tables: TwoTables, compared: Compared):
    statements, expected = planted
    tables.change(*statements)
    status, found = compared()
    assert (status, found["equal"]) == (1, False)
    [(code, side, column, rows, days)] = reasons(found)
    assert (code, side, column, days) == (*expected[:3], expected[4])
    assert expected[3] is None or rows == expected[3]
    assert rows > 0
    [finding] = found["reasons"]
    assert finding["evidence"] or finding["looked"] >= finding["fitting"] > 0
    assert 1 <= len(finding["samples"]) <= 3


def test_days_of_another_time_zone(tables: TwoTables, compared: Compared):
    """Each day lacks two hours, and has two of the day before."""
    tables.change(
        "update loaded set event_date = (event_ts at time zone 'UTC' + interval '2 h')::date"
    )
    status, found = compared()
    assert status == 1
    told = {(r["code"], r["side"], r["detail"], len(r["days"])) for r in found["reasons"]}
    assert told == {
        ("other_day", "right", "the day after", DAYS),
        ("other_day", "left", "the day before", DAYS),
    }
    assert {r["rows"] for r in found["reasons"]} == {50 * DAYS}
    assert "they happened from 22:" in found["reasons"][0]["evidence"]


def test_keys_that_are_written_otherwise(tables: TwoTables, compared: Compared):
    tables.change(f"update loaded set user_id = 'U-' || substr(user_id, 2) {D3}")
    status, found = compared()
    assert status == 1
    assert reasons(found) == {
        ("key_written_otherwise", side, "", ROWS, 1) for side in ("left", "right")
    }
    assert found["days_differing"][0]["lacking"] == {"left": ROWS, "right": ROWS}


def delete(day: int, condition: str = "true") -> str:
    return f"delete from loaded where event_date = '2026-03-0{day}' and {condition}"


def update(day: int, what: str, condition: str = "true") -> str:
    return f"update loaded set {what} where event_date = '2026-03-0{day}' and {condition}"


WEEK = (
    "delete from loaded where ingest_date > event_date",
    "update loaded set user_tier = 'pro' where split_part(event_id, 'e', 2)::int % 2 = 0",
    "alter table loaded alter price type real",
    "insert into loaded select * from loaded where event_date = '2026-03-01'",
    delete(2, "event_ts >= '2026-03-02 03:00+00'"),
    delete(3, "event_ts::time between '14:00' and '16:00'"),
    update(3, "region = upper(region)"),
    delete(4, "region = 'eu'"),
    update(5, "name = btrim(name)", f"{SIXTH} = 0"),
    update(5, "amount = round(amount, 1)"),
    update(6, "name = null", "name = ''"),
    update(6, "properties = properties - 'n'"),
    update(7, "event_ts = event_ts + interval '1 hour'"),
    update(7, "quantity = null"),
    delete(8),
)


def test_fifteen_faults_of_a_week_are_told_apart(tables: TwoTables, compared: Compared):
    """What a loader that appends, joins what is now, and forgets late rows has made of it."""
    tables.change(*WEEK)
    status, found = compared()
    assert status == 1
    assert {
        (r["code"], r["column"], *(day[-1] for day in r["days"])) for r in found["reasons"]
    } == {
        ("late_rows_lost", "", *"1234567"),
        ("current_not_as_of", "user_tier", *"1234"),
        ("single_precision", "price", *"1234567"),
        ("loaded_again", "", "1"),
        ("first_hours_only", "", "2"),
        ("hours_missing", "", "3"),
        ("other_case", "region", "3"),
        ("group_missing", "region", "4"),
        ("trimmed", "name", "5"),
        ("rounded", "amount", "5"),
        ("null_for_empty", "name", "6"),
        ("json_keys", "properties", "6"),
        ("shifted", "event_ts", "7"),
        ("null", "quantity", "7"),
        ("day_missing", "", "8"),
    }
    assert {each["side"] for each in found["reasons"]} == {"right"}
