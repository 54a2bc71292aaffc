"""SOURCE=dlt: whatever a resource of dlt yields becomes facts."""

from __future__ import annotations

import sys
from datetime import date

import pytest

from core.errors import UserError
from tests.helpers.paged_api import Said, paged_api
from tests.helpers.pipeline import build, query
from tests.helpers.resources import WINDOWED, land, mapping_with
from tests.helpers.units import D1, D2, D3, RAW, STATE, counts

pytestmark = pytest.mark.tables_built


def test_each_window_is_a_unit_that_is_compared_and_replaced(warehouse, theirs):
    name = theirs(WINDOWED)
    assert counts(land(warehouse, f"{name}:events", D1, D3)) == (3, 0, 0, 0)
    units = "select unit, window_start::text, rows, ingest_date::text from raw.units order by 1"
    assert [row[1:] for row in query(warehouse, units)] == [
        (f"{day} 00:00:00+00", 4, day) for day in (D1, D2, D3)
    ]
    build()
    facts = "select event_id, user_id, event_date::text from analytics.fact_events order by 1"
    assert query(warehouse, facts)[0] == ("01-0", "7", D1)
    assert len(query(warehouse, facts)) == 12
    before = query(warehouse, STATE)
    assert counts(land(warehouse, f"{name}:events", D1, D3)) == (0, 3, 0, 0)
    assert query(warehouse, STATE) == before, "the same items write nothing"
    other = theirs("""
        @dlt.resource
        def events(start, end):
            if start.day == 2:
                yield event("new", "2026-01-02")
            else:
                yield [event(f"{start:%d}-{n}", f"{start:%Y-%m-%d}") for n in (0, 1, 2, "last")]
    """)
    assert counts(land(warehouse, f"{other}:events", D1, D3)) == (1, 2, 1, 0)
    assert [row for row in query(warehouse, RAW) if row[0][:2] in ("02", "ne")] == [("new",)]


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (": str", ["'2026-01-01T00:00:00Z'", "'2026-02-01T00:00:00Z'"]),
        (": date", ["datetime.date(2026, 1, 1)", "datetime.date(2026, 2, 1)"]),
        (": datetime", ["datetime.datetime(2026, 1, 1, 0, 0", "datetime.datetime(2026, 2, 1, 0"]),
        (": 'datetime'", ["datetime.datetime(2026, 1, 1, 0, 0", "datetime.datetime(2026, 2, 1,"]),
        ("", ["datetime.datetime(2026, 1, 1, 0, 0", "datetime.datetime(2026, 2, 1, 0, 0"]),
        (" = '2020-01-01'", ["'2026-01-01T00:00:00Z'", "'2026-02-01T00:00:00Z'"]),
    ],
)
def test_bounds_are_half_open_in_utc_and_of_the_type_asked_for(
    warehouse, theirs, tmp_path, annotation, expected
):
    name = theirs(f"""
        def events(start{annotation}, end{annotation}):
            yield event("a", asked=[repr(start), repr(end)])
    """)
    months = mapping_with(tmp_path, '[dlt]\nwindow = "month"\n')
    land(warehouse, f"{name}:events", D1, mapping=months)
    [(asked,)] = query(warehouse, "select payload -> 'asked' from raw.events")
    assert all(seen.startswith(want) for seen, want in zip(asked, expected, strict=True)), asked
    assert query(warehouse, "select ingest_date from raw.units") == [(date(2026, 1, 31),)]


def test_a_resource_without_bounds_is_one_unit_whole_each_time(warehouse, theirs):
    name = theirs("""
        count = 2
        @dlt.resource(primary_key="event_id")
        def events(seen=dlt.sources.incremental("event_ts", initial_value="2020-01-01")):
            yield [event(f"e{n}") for n in range(count)]
    """)
    assert counts(land(warehouse, f"{name}:events", D1, D2)) == (1, 0, 0, 0)
    assert counts(land(warehouse, f"{name}:events", D1, D3)) == (0, 1, 0, 0)
    sys.modules[name].count = 3
    assert counts(land(warehouse, f"{name}:events", D3)) == (1, 0, 1, 0)
    assert query(warehouse, RAW) == [("e0",), ("e1",), ("e2",)]
    with pytest.raises(UserError, match="takes no start and end, but FROM and TO ask for"):
        land(warehouse, f"{name}:events", f"{D1}T05", f"{D1}T06")


EVERYTHING = """
from decimal import Decimal
from uuid import UUID
import pandas as pd
import pyarrow as pa
@dlt.resource
def events():
    yield event("dict", amount=Decimal("12345678901234567890.10"), price=Decimal("0.10"),
        big=2**64 + 1,
        nested={"at": datetime(2026, 1, 1, tzinfo=timezone.utc), "of": [{"b": b"text"}]},
        id=UUID(int=1), day=date(2026, 1, 2), nothing=None)
    yield [[event("page"), event("page2")], [], None]
    time = datetime(2026, 1, 1, 2, tzinfo=timezone.utc)
    rows = pa.table({"event_id": ["arrow"], "user_id": [2**53 + 1], "event_type": ["v"],
        "event_ts": pa.array([time], pa.timestamp("us", "America/New_York")),
        "amount": pa.array([Decimal("1.10")], pa.decimal128(9, 2)),
        "nested": [{"a": [1]}]})
    yield rows
    yield rows.set_column(0, "event_id", [["batch"]]).to_batches()[0]
    yield pd.DataFrame({"event_id": ["frame"], "user_id": ["u"], "event_type": ["v"],
        "event_ts": pd.to_datetime(["2026-01-01T03:00:00Z"]), "gap": [float("nan")]})
    yield event("naive", event_ts=datetime(2026, 1, 1, 4))
    yield event("bytes", text=b"\\xff")
    yield "no record"
    yield 17
"""


def test_whatever_is_yielded_is_read_right(warehouse, theirs):
    name = theirs(EVERYTHING)
    land(warehouse, f"{name}:events")
    rows = """select event_id, user_id, event_ts::text, payload::text from raw.events
        where reject_reason is null order by event_id"""
    found = {row[0]: row[1:] for row in query(warehouse, rows)}
    assert set(found) == {"dict", "page", "page2", "arrow", "batch", "frame", "naive"}
    assert found["arrow"][0] == str(2**53 + 1)
    moments = {name: row[1] for name, row in found.items()}
    assert moments["arrow"] == moments["batch"] == "2026-01-01 02:00:00+00"
    assert moments["frame"] == "2026-01-01 03:00:00+00"
    assert moments["naive"] == "2026-01-01 04:00:00+00"
    said = found["dict"][2]
    for part in (
        '"amount": "12345678901234567890.10"',
        '"price": 0.1,',
        '"big": 18446744073709551617',
    ):
        assert part in said, said
    assert '"nested": {"at": "2026-01-01T00:00:00+00:00", "of": [{"b": "text"}]}' in said
    assert '"amount": 1.1,' in found["arrow"][2]
    rejected = "select payload #>> '{}' from raw.events where reject_reason = 'malformed_json'"
    kept = sorted(row[0] for row in query(warehouse, rejected))
    assert kept[:2] == ['"no record"', "17"]
    assert "\\udcff" in kept[2]


SHOP = """
@dlt.source
def shop(start: datetime, end: datetime):
    @dlt.resource(write_disposition="replace")
    def customers():
        yield {"user_id": 7, "tier": "gold", "region": "eu", "updated_at": "2025-01-01T00:00:00Z"}
    @dlt.resource
    def raw_clicks():
        yield [event(f"{start:%d}-a", f"{start:%Y-%m-%d}")]
    @dlt.transformer(data_from=raw_clicks)
    def clicks(item):
        yield [one | {"seen": True} for one in item]
    return customers, clicks
"""


def test_of_a_source_the_mapping_says_which_resource_is_what(warehouse, theirs, tmp_path):
    name = theirs(SHOP)
    with pytest.raises(UserError, match=r"has clicks, customers: say in \[dlt\]") as error:
        land(warehouse, f"{name}:shop")
    assert "\n" not in str(error.value)
    wrong = mapping_with(tmp_path, '[dlt]\nevents = "orders"\n')
    with pytest.raises(
        UserError, match=r"clicks, customers; \[dlt\] of the mapping names 'orders'"
    ):
        land(warehouse, f"{name}:shop", mapping=wrong)
    both = mapping_with(tmp_path, '[dlt]\nevents = "clicks"\nprofiles = "customers"\n')
    result = land(warehouse, f"{name}:shop", D1, D2, mapping=both)
    assert counts(result) == (2, 0, 0, 0)
    build()
    facts = "select event_id, user_tier, properties from analytics.fact_events order by 1"
    assert query(warehouse, facts) == [
        ("01-a", "gold", {"seen": True}),
        ("02-a", "gold", {"seen": True}),
    ]


def test_the_example_in_the_words_of_dlts_documentation(warehouse, monkeypatch):
    orders = [
        {"id": n, "status": "paid", "placed_at": f"{D1}T0{n}:00:00Z", "total": 1.5}
        | {"customer": {"id": "c1", "country": "FR"}}
        for n in range(4)
    ]

    def answer(call):
        if call.headers.get("Authorization") != "Bearer key-of-the-shop":
            return Said(status=401)
        asked = {**call.query}
        assert asked.pop("placed_from", D1) <= asked.pop("placed_before", D2)
        page = int(asked.get("page", 0))
        following = f"{shop.url}/orders?page=1" if page == 0 else None
        return Said({"orders": orders[2 * page : 2 * page + 2], "next": following})

    with paged_api(answer) as shop:
        monkeypatch.setenv("SOURCES__ORDERS__API_URL", shop.url)
        monkeypatch.setenv("SOURCES__ORDERS__API_KEY", "key-of-the-shop")
        resource, mapping = "examples.dlt.orders:orders", "examples/dlt/orders.toml"
        result = land(warehouse, resource, D1, mapping=mapping)
        assert counts(result) == (1, 0, 0, 0)
        first = shop.calls[0].query
        assert first == {
            "placed_from": f"{D1}T00:00:00+00:00",
            "placed_before": f"{D2}T00:00:00+00:00",
        }
        monkeypatch.setenv("SOURCES__ORDERS__API_KEY", "key-of-another")
        with pytest.raises(UserError, match="401"):
            land(warehouse, resource, D1, mapping=mapping)
    build()
    facts = "select event_id, user_id, event_type, region from analytics.fact_events order by 1"
    assert query(warehouse, facts) == [(f"{n}", "c1", "order_paid", "FR") for n in range(4)]
