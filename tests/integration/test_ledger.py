"""Completing a load: what has landed is what was received, or the load is refused."""

from __future__ import annotations

import pytest

from core.errors import UserError
from tests.helpers.pipeline import deliver, event, ingest_files, query

pytestmark = pytest.mark.quick
DAY = "2026-01-01"
LEDGER = """
    select (select json_agg(d)::text from raw.deliveries as d),
        (select json_agg(d)::text from raw.day_versions as d),
        (select count(*) from raw.loads where completed_at > 'epoch')
"""
# What a fault of COPY, of a trigger of the user's own or of ours would do.
LOSES_ONE = "if new.event_id = 'b' then return null; end if;"
ADDS_ONE = """
    if new.event_id = 'b' then
        new.event_id := 'c';
        insert into raw.events select new.*;
        new.event_id := 'b';
    end if;
"""


@pytest.mark.parametrize(("does", "landed"), [(LOSES_ONE, 1), (ADDS_ONE, 3)], ids=["lost", "more"])
def test_a_load_of_which_not_exactly_all_rows_landed_is_refused(warehouse, tmp_path, does, landed):
    deliver(tmp_path, DAY, [event("first", f"{DAY}T01:00:00Z")])
    ingest_files(warehouse, tmp_path, DAY)
    before = query(warehouse, LEDGER)
    query(
        warehouse,
        f"""create function tamper() returns trigger language plpgsql as
            $$ begin {does} return new; end $$;
        create trigger tamper before insert on raw.events
        for each row execute function tamper(); select 1""",
    )
    deliver(tmp_path, DAY, [event(name, f"{DAY}T02:00:00Z") for name in ("a", "b")])
    with pytest.raises(UserError, match=f"2 rows received, {landed} landed"):
        ingest_files(warehouse, tmp_path, DAY)
    assert query(warehouse, LEDGER) == before
    live = "select event_id from raw.events inner join raw.loads on load_id = _dlt_load_id"
    assert query(warehouse, f"{live} where completed_at > 'epoch'") == [("first",)]
