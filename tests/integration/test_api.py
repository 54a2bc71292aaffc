"""SOURCE=api against the demo API: real HTTP with pages, a token, 429 and 503."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from urllib.request import Request, urlopen

import pytest

from core.days import DayRange, parse_range
from core.errors import UserError
from core.progress import Progress
from ingestion.demo.server import DEMO_TOKEN, DemoApi, running
from ingestion.ingest import ingest
from ingestion.settings import IngestSettings
from tests.helpers.faulty_api import Asked, faulty_api
from tests.helpers.paged_api import Call, Said, canonical_mapping, paged_api
from tests.helpers.pipeline import FACTS, build, event, query, winners

pytestmark = pytest.mark.tables_built

DAYS = parse_range("2026-03-01", "2026-03-02")


def settings(url: str, days: DayRange = DAYS, token: str = DEMO_TOKEN) -> IngestSettings:
    return IngestSettings(days, "api", "canonical", url, "", token)


def is_valid(record: dict) -> bool:
    try:
        ts = datetime.fromisoformat(record["event_ts"])
    except (KeyError, ValueError, TypeError):
        return False
    return ts > datetime(1990, 1, 1, tzinfo=UTC) and all(
        record.get(field) for field in ("event_id", "user_id", "event_type")
    )


def test_what_the_api_delivers_becomes_the_oracles_facts(warehouse):
    with running(fault_in=3) as api:
        result = ingest(settings(api.url), warehouse, Progress())
        deliveries = {day.isoformat(): api.product.delivered_events(day) for day in DAYS}
        profiles = {p["user_id"]: p for p in api.product.delivered_profiles(DAYS.last)}
        assert api.refused, "the demo API refused no request: the retries were not tested"
    build()

    expected = winners({day: filter(is_valid, records) for day, records in deliveries.items()})
    rows = query(warehouse, FACTS)
    assert {(row[4], row[1], row[0]): (row[9], row[8], row[5]) for row in rows} == {
        key: (day, record["properties"], record["region"])
        for key, (day, record) in expected.items()
    }
    assert result.events.total == sum(map(len, deliveries.values()))
    assert dict(
        query(warehouse, "select reason, count(*) from analytics.quarantined_events group by 1")
    ) == {
        reason: len(DAYS)
        for reason in (
            "event_ts_out_of_range",
            "invalid_event_ts",
            "missing_event_id",
            "missing_event_type",
            "missing_user_id",
        )
    }
    current = {
        user: (tier, region)
        for user, tier, region in query(
            warehouse, "select user_id, tier, region from analytics.dim_users"
        )
    }
    assert current == {user: (p["tier"], p["region"]) for user, p in profiles.items()}


def get(api: DemoApi, path: str) -> dict:
    request = Request(api.url + path, headers={"Authorization": f"Bearer {api.token}"})
    with urlopen(request) as response:
        return json.load(response)


def test_the_demo_is_the_same_every_time_and_as_messy_as_promised():
    day = date(2026, 3, 10)
    with running(seed=1) as one, running(seed=1) as other, running(seed=2) as another:
        assert one.records("/events", day) == other.records("/events", day)
        assert one.records("/events", day) != another.records("/events", day)
        records = [record for record in one.records("/events", day) if is_valid(record)]
    keys = [(record["user_id"], record["event_id"]) for record in records]
    days = [datetime.fromisoformat(record["event_ts"]).date() for record in records]
    assert 0.03 < 1 - len(set(keys)) / len(keys) < 0.06
    late = [(day - then).days for then in days if then != day]
    assert 0.005 < len(late) / len(records) < 0.03
    assert set(late) == {1, 2, 3}


def test_profiles_change_over_time():
    with running() as api:
        old = {p["user_id"]: p for p in api.records("/user_profiles", date(2026, 1, 1))}
        new = {p["user_id"]: p for p in api.records("/user_profiles", date(2026, 6, 1))}
    changed = [user for user in new if new[user] != old[user]]
    assert changed
    assert all(new[user]["updated_at"] > "2026-01-01" for user in changed)


@pytest.mark.parametrize(("region", "at_least"), [("", 2), ("&region=eu-west", 1)])
def test_the_demo_pages_and_filters_by_region(region, at_least):
    url = f"/events?date=2026-03-01{region}"
    pages = []
    with running() as api:
        api.refused.add(url)  # each page is refused once
        records = api.records("/events", date(2026, 3, 1))
        cursor = "0"
        while cursor is not None:
            api.refused.add(f"{url}&cursor={cursor}")
            pages.append(get(api, f"{url}&cursor={cursor}"))
            cursor = pages[-1]["next_cursor"]
    assert len(pages) >= at_least
    wanted = [r for r in records if not region or r.get("region") == "eu-west"]
    assert [record for page in pages for record in page["events"]] == wanted
    assert 0 < len(wanted) <= len(records)


def test_a_day_for_which_the_api_has_nothing_becomes_empty(warehouse):
    with running() as api:
        ingest(settings(api.url), warehouse, Progress())
    build()

    def nothing(asked: Asked) -> bool:
        asked.handler.answer(200, b'{"events": [], "next_cursor": null}')
        return True

    with faulty_api(nothing) as api:
        ingest(settings(api.url, parse_range("2026-03-01", "2026-03-01")), warehouse, Progress())
    build()
    assert query(
        warehouse,
        """select received, fact, is_complete from analytics.row_accounting
        where ingest_date = '2026-03-01'""",
    ) == [(0, 0, True)]


def test_an_end_that_was_seen_once_is_known_for_good(warehouse, tmp_path):
    """A cursor that was there on one day makes a page without it the last one, in any load."""
    mapping = canonical_mapping(
        tmp_path / "paged.toml",
        """path = "/events"
        params = { date = "{date}" }
        data_selector = "items"
        paginator = { type = "cursor", cursor_path = "next", cursor_param = "cursor" }""",
    )

    def answer(call: Call) -> Said:
        day = call.query["date"]
        records = {"items": [event(day, f"{day}T01:00:00Z")]}
        return Said(records | ({"next": None} if day == "2026-03-01" else {}))

    def load(day: str) -> None:
        asked = IngestSettings(parse_range(day, day), "api", mapping, api.url, "", "")
        ingest(asked, warehouse, Progress())

    with paged_api(answer) as api:
        with pytest.raises(UserError, match="cursor_optional"):
            load("2026-03-02")
        load("2026-03-01")
        load("2026-03-02")
    ids = "select event_id from raw.events order by 1"
    assert query(warehouse, ids) == [("2026-03-01",), ("2026-03-02",)]
