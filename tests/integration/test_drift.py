"""Schema drift: new fields land, lost ones and floods of rejects are refused, and it is said."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from core.errors import UserError
from reporting.report import print_report
from tests.helpers.pipeline import build, deliver, event, ingest_files, query
from tests.helpers.processes import run

pytestmark = pytest.mark.tables_built

D1, D2, D3 = "2026-01-01", "2026-01-02", "2026-01-03"
SNAPSHOT = """select (select count(*) from raw.events), (select count(*) from raw.loads),
    (select json_agg(f) from raw.load_fields as f)::text"""


def events(day, n, **more):
    return [event(f"e{i}", f"{day}T10:00:00Z") | more for i in range(n)]


def test_fields_that_come_go_and_change_type(warehouse, tmp_path):
    deliver(tmp_path, D1, events(D1, 200, plan="pro", old=1))
    deliver(tmp_path, D2, [*events(D2, 198, plan={"name": "pro"}, new=[1]), "{", "[1]"])
    assert ingest_files(warehouse, tmp_path, D1).drift == ()
    result = ingest_files(warehouse, tmp_path, D2)
    assert result.summary().splitlines()[-1] == (
        "  unlike the last load of canonical: new fields: new; gone fields: old; "
        "plan was string, is object"
    )
    build()
    assert query(
        warehouse,
        """select properties -> 'new', properties -> 'plan', count(*)
        from analytics.fact_events where event_date = '2026-01-02' group by 1, 2""",
    ) == [([1], {"name": "pro"}, 198)]
    printed = io.StringIO()
    print_report(warehouse, Console(file=printed, width=100))
    assert "plan" in printed.getvalue().split("Fields: latest load")[1]
    assert query(
        warehouse,
        """select f.type, f.records, f.sampled from raw.load_fields as f
        inner join raw.loads using (load_id) where field = 'plan' order by completed_at""",
    ) == [("string", 200, 200), ("object", 198, 200)]


def test_a_needed_field_that_disappears(warehouse, tmp_path):
    deliver(tmp_path, D1, events(D1, 100))
    ingest_files(warehouse, tmp_path, D1)
    before = query(warehouse, SNAPSHOT)
    for record in (lost := events(D2, 100)):
        record["userId"] = record.pop("user_id")
    deliver(tmp_path, D2, lost)
    with pytest.raises(UserError, match="MAPPING='canonical' needs the field 'user_id'") as error:
        ingest_files(warehouse, tmp_path, D2)
    assert "100 of 100 records" in str(error.value)
    assert "\n" not in str(error.value)
    assert query(warehouse, SNAPSHOT) == before
    deliver(tmp_path, D2, lost[:99])  # too few to say so: quarantined
    assert ingest_files(warehouse, tmp_path, D2).events.rejected == {"missing_user_id": 99}


@pytest.mark.parametrize(("had", "is_refused"), [(10, True), (9, False)])
def test_a_field_that_a_tenth_of_the_records_had_is_missed(warehouse, tmp_path, had, is_refused):
    without = [{k: v for k, v in e.items() if k != "user_id"} for e in events(D1, 100)]
    deliver(tmp_path, D1, [*events(D1, had), *without[had:]])
    ingest_files(warehouse, tmp_path, D1)
    deliver(tmp_path, D2, without)
    if is_refused:
        with pytest.raises(UserError, match="'user_id': 10 of 100 records looked at had it"):
            ingest_files(warehouse, tmp_path, D2)
    else:
        assert ingest_files(warehouse, tmp_path, D2).events.total == 100


def test_a_flood_of_rejects(warehouse, tmp_path):
    bad = ["{" for _ in range(600)]
    deliver(tmp_path, D1, [*events(D1, 400), *bad])
    deliver(tmp_path, D2, [*events(D2, 399), *bad])
    before = query(warehouse, SNAPSHOT)
    settings = {"EVENTS_URL": f"{tmp_path}/%Y-%m-%d.jsonl", "FROM": D1}
    done = run("ingestion", "ingest", **settings)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "error: MAX_QUARANTINED=0.5: 0.60 of 1,000 records of MAPPING='canonical' would be "
        "quarantined, most as malformed_json (600); nothing was loaded"
    )
    assert query(warehouse, SNAPSHOT) == before
    assert ingest_files(warehouse, tmp_path, D2).events.rejected == {"malformed_json": 600}
    done = run("ingestion", "ingest", MAX_QUARANTINED="0.6", **settings)
    assert done.returncode == 0, done.stderr
    done = run("ingestion", "ingest", MAX_QUARANTINED="60%", **settings)
    assert done.stderr == (
        "error: MAX_QUARANTINED='60%' is not a share: give a number from 0 to 1\n"
    )
