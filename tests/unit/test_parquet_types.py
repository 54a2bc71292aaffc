"""Columns of Parquet of every type: each value as it is, or refused by name."""

import io
from datetime import UTC, datetime, time
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import UserError
from ingestion.mapping.mapping import SHIPPED
from tests.helpers.landing import read_one

LONG = Decimal("1" * 30 + ".12345678")
BASE = {
    "event_id": ["e1"],
    "user_id": ["7"],
    "event_type": ["v"],
    "event_ts": ["2026-03-01T12:00:00Z"],
    "region": ["eu"],
}
NANOS = 1_772_366_400_123_456_789  # 2026-03-01 12:00 and a fraction
MOMENT = datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)


def read(tmp_path, columns, mapping="canonical", **options):
    file = io.BytesIO()
    pq.write_table(pa.table(BASE | columns), file, **options)
    [row] = read_one(tmp_path, "x.parquet", file.getvalue(), mapping)
    return row


def test_values_are_as_they_were_written(tmp_path):
    pairs = pa.map_(pa.string(), pa.int64())
    columns = {
        "decimal128": (pa.array([LONG], pa.decimal128(38, 8)), str(LONG)),
        "decimal256": (pa.array([LONG], pa.decimal256(38, 8)), str(LONG)),
        "decimals": (pa.array([[LONG]], pa.list_(pa.decimal128(38, 8))), f"[{LONG}]"),
        "unsigned": (pa.array([2**64 - 1], pa.uint64()), str(2**64 - 1)),
        "dictionary": (pa.array(["a"]).dictionary_encode(), "a"),
        "large_string": (pa.array(["b"], pa.large_string()), "b"),
        "list": (pa.array([[1, None, 3]]), "[1,null,3]"),
        "map": (pa.array([[("a", 1), ("b", None)]], pairs), '{"a":1,"b":null}'),
        "time32": (pa.array([time(1, 2, 3)], pa.time32("s")), "01:02:03"),
        "time64": (pa.array([3_723_001_002_003], pa.time64("ns")), "01:02:03.001002003"),
        "duration": (pa.array([5], pa.duration("ns")), "5"),
        "nothing": (pa.nulls(1), None),
        "nanos": (pa.array([NANOS], pa.timestamp("ns")), "2026-03-01 12:00:00.123456789"),
        "first": (pa.array([-(2**63) + 2], pa.timestamp("ns")), "1677-09-21 00:12:43.145224194"),
        "year_3000": (pa.array([datetime(3000, 1, 1)], pa.timestamp("us")), "3000-01-01 00:00:00"),
    }
    row = read(tmp_path, {name: column for name, (column, _) in columns.items()})
    assert row["payload"] == {name: text for name, (_, text) in columns.items()}
    assert row["reject_reason"] is None


@pytest.mark.parametrize("zone", [None, "UTC"])
@pytest.mark.parametrize("timezone", ["", 'timezone = "America/New_York"'])
def test_times_with_and_without_a_zone(tmp_path, zone, timezone):
    """INT96, which has no zone, is a time without one."""
    mine = tmp_path / "mine.toml"
    canonical = (SHIPPED / "canonical.toml").read_text()
    mine.write_text(canonical.replace("[events]\n", f"[events]\n{timezone}\n", 1))
    expected = MOMENT.replace(hour=17) if timezone and not zone else MOMENT
    column = {"event_ts": pa.array([NANOS], pa.timestamp("ns", zone))}
    assert read(tmp_path, column, str(mine))["event_ts"] == expected
    if zone is None:
        int96 = read(tmp_path, column, str(mine), use_deprecated_int96_timestamps=True)
        assert int96["event_ts"] == expected


def test_years_that_nanoseconds_do_not_reach(tmp_path):
    """INT96 has them, and readers that keep nanoseconds in 64 bits shift them."""
    far = {"at": pa.array([datetime(3000, 1, 1)], pa.timestamp("us"))}
    row = read(tmp_path, far, use_deprecated_int96_timestamps=True)
    assert row["payload"] == {"at": "3000-01-01 00:00:00"}


@pytest.mark.parametrize("name", ["user_id", "amount", "nested"])
def test_decimals_that_would_be_rounded_are_refused(tmp_path, name):
    column = pa.array([Decimal("1" * 50 + ".1234567891")], pa.decimal256(60, 10))
    if name == "nested":
        column = pa.array([[column[0].as_py()]], pa.list_(pa.decimal256(60, 10)))
    with pytest.raises(UserError, match=r"has decimals of 60 digits in .*more than 38"):
        read(tmp_path, {name: column})
