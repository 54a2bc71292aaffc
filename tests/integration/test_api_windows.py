"""Windows of an API: an hour, a day or a month at a time, and regions that add up."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.days import parse_window
from core.errors import UserError
from core.progress import Progress
from ingestion.ingest import IngestResult, ingest
from ingestion.settings import IngestSettings
from tests.helpers.paged_api import Call, PagedApi, Said, canonical_mapping, paged_api
from tests.helpers.pipeline import event, query
from tests.helpers.units import LIVE, RAW, STATE, counts

D1, D2 = "2026-03-01", "2026-03-02"


def whole(call: Call) -> Said:
    """One event, named by what was asked."""
    name = " ".join(f"{key}={value}" for key, value in sorted(call.query.items()))
    return Said({"items": [event(name, f"{D1}T01:00:00Z")]})


def mapped(tmp_path: Path, api: str) -> str:
    section = f'data_selector = "items"\npaginator = "single_page"\n{api}'
    return canonical_mapping(tmp_path / "windows.toml", section)


def pull(
    warehouse, api: PagedApi, mapping: str, first: str, last: str | None = None, query_: str = ""
) -> IngestResult:
    asked = parse_window(first, last or first)
    hours = None if asked.is_days else asked
    url = f"{api.url}{query_}"
    settings = IngestSettings(asked.days, "api", mapping, url, "", "", hours=hours)
    return ingest(settings, warehouse, Progress())


def test_hours(warehouse, tmp_path):
    mapping = mapped(tmp_path, 'window = "hour"\nparams = { since = "{start}", until = "{end}" }')
    with paged_api(whole) as api:
        assert counts(pull(warehouse, api, mapping, f"{D1}T22", f"{D2}T00")) == (3, 0, 0, 0)
        assert query(warehouse, RAW) == [
            (f"since={D1}T22:00:00Z until={D1}T23:00:00Z",),
            (f"since={D1}T23:00:00Z until={D2}T00:00:00Z",),
            (f"since={D2}T00:00:00Z until={D2}T01:00:00Z",),
        ]
        # The hours again, and those beside them.
        assert counts(pull(warehouse, api, mapping, D1)) == (22, 2, 0, 0)
        days = "select ingest_date::text, count(*) from raw.events group by 1 order by 1"
        assert query(warehouse, days) == [(D1, 24), (D2, 1)]


def test_a_month(warehouse, tmp_path):
    mapping = mapped(tmp_path, 'window = "month"\nparams = { from = "{date}", to = "{end_epoch}" }')
    with paged_api(whole) as api:
        pull(warehouse, api, mapping, "2026-02-10", "2026-02-12")
    assert query(warehouse, "select event_id, ingest_date::text from raw.events") == [
        ("from=2026-02-01 to=1772323200", "2026-02-28")
    ]


@pytest.mark.parametrize(
    ("api_section", "first", "last", "message"),
    [
        ('params = { date = "{date}" }', f"{D1}T01", f"{D1}T02", "asked for a day at a time"),
        ('params = { page = "1" }', D1, D2, "nothing that .* says which day is meant, and 2 are"),
        ('window = "hour"\nparams = { d = "{date}" }', D1, D1, "which hour is meant, and 24 are"),
        ('window = "week"', D1, D1, "window 'week' is not one of hour, day, month|'week'"),
    ],
)
def test_what_would_get_the_same_answer_again_is_refused(
    warehouse, tmp_path, api_section, first, last, message
):
    mapping = mapped(tmp_path, api_section)
    with paged_api(whole) as api, pytest.raises(UserError, match=message):
        pull(warehouse, api, mapping, first, last)
    assert query(warehouse, RAW) == []


def test_regions_add_up_and_the_whole_takes_their_place(warehouse, tmp_path):
    mapping = mapped(tmp_path, 'params = { date = "{date}" }')
    with paged_api(whole) as api:
        for region in ("eu", "us", "eu"):
            pull(warehouse, api, mapping, D1, query_=f"?region={region}")
        assert query(warehouse, LIVE) == [(f"{D1} region=eu", 1), (f"{D1} region=us", 1)]
        assert counts(pull(warehouse, api, mapping, D1)) == (1, 0, 0, 2)
        assert query(warehouse, LIVE) == [(D1, 1)]
        before = query(warehouse, STATE)
        with pytest.raises(UserError, match=f"{D1} region=eu is only a part of {D1}"):
            pull(warehouse, api, mapping, D1, query_="?region=eu")
        assert query(warehouse, STATE) == before


def test_files_take_the_place_of_an_api(warehouse, tmp_path):
    mapping = mapped(tmp_path, 'params = { date = "{date}" }')
    with paged_api(whole) as api:
        pull(warehouse, api, mapping, D1, D2)
    (tmp_path / f"{D1}.csv").write_text(
        f"event_id,user_id,event_type,event_ts,region,properties\nfile,u,t,{D1}T01:00:00Z,eu,{{}}\n"
    )
    asked = parse_window(D1, D2)
    url = str(tmp_path / "%Y-%m-%d.csv")
    settings = IngestSettings(asked.days, "files", mapping, url, "", "")
    assert counts(ingest(settings, warehouse, Progress())) == (1, 0, 0, 1)
    assert query(warehouse, RAW) == [(f"date={D2}",), ("file",)]
