"""dbt's tests of the data: each finds the fault that it is there for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from dbt.cli.main import dbtRunner

from core.errors import UserError
from orchestration.dbt.failures import passed_by_partition
from tests.helpers.checkout import EditedProject
from tests.helpers.pipeline import build, deliver, event, in_thread, ingest_files, query
from transform.project import LOCATION

pytestmark = pytest.mark.tables_built

D1, D4, D5, D6, D13 = (f"2026-01-{day:02}" for day in (1, 4, 5, 6, 13))


def failures(test: str) -> int:
    """The rows that a test finds, of all days."""
    arguments = ["test", "--select", test, "--log-level", "none", *LOCATION]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FROM", D1)
        patch.setenv("TO", D13)
        outcome = in_thread(dbtRunner().invoke, arguments)
    [found] = [result for result in outcome.result if result.node.name == test]
    return found.failures


def test_an_event_of_two_days_within_a_week_warns(warehouse, tmp_path):
    days = {
        D1: [event("again", f"{D1}T10:00:00Z")],
        D4: [
            event("again", f"{D4}T10:00:00Z"),
            event("again", f"{D4}T11:00:00Z"),  # within the day: a duplicate
            event("again", f"{D4}T10:00:00Z", user_id="u2"),  # another user's
        ],
        D5: [event("eight days", f"{D5}T10:00:00Z")],
        D6: [event("seven days", f"{D6}T10:00:00Z")],
        D13: [event("eight days", f"{D13}T10:00:00Z"), event("seven days", f"{D13}T10:00:00Z")],
    }
    for day, records in days.items():
        deliver(tmp_path, day, records)
    ingest_files(warehouse, tmp_path, D1, D13)
    said = build()
    assert "1 warned" in said
    assert failures("warn_event_repeated_across_days") == 2
    # A build of one day looks back a week.
    assert "1 warned" in build(D4, D4)
    assert "1 warned" in build(D13, D13)
    # It sees the pair of D1 and D4, but has built neither of its days.
    assert "0 warned" in build(D5, D5)


def test_a_lost_fact_is_found(warehouse, tmp_path):
    """By a test of everything; a build tests the days that it builds."""
    deliver(tmp_path, D1, [event(f"e{n}", f"{D1}T10:00:00Z") for n in range(5)])
    deliver(tmp_path, D4, [event("other", f"{D4}T10:00:00Z")])
    ingest_files(warehouse, tmp_path, D1, D4)
    build()
    assert failures("assert_every_valid_event_is_a_fact") == 0
    query(warehouse, "delete from analytics.fact_events where event_id = 'e3'; select 1")
    assert failures("assert_every_valid_event_is_a_fact") == 1
    build(D4, D4)


def test_a_where_of_the_users_own_keeps_to_itself(warehouse, tmp_path, monkeypatch):
    """With an `or` in it, the test looks at no other day than those that it is to look at, and at
    no row that the `where` leaves out."""
    for day, kind in {D1: "bad", D4: "bad", D5: "good"}.items():
        events = [event("a", f"{day}T10:00:00Z", event_type=kind), event("b", f"{day}T10:00:00Z")]
        deliver(tmp_path / "events", day, events)
    ingest_files(warehouse, tmp_path / "events", D1, D5)
    build()
    project = EditedProject(tmp_path / "checkout", monkeypatch)
    where = "event_type = 'bad' or event_type = 'good'"  # not the clicks
    column = "      - name: event_type\n"
    project.edit(
        "models/marts/fact_events.yml",
        column,
        f"{column}        data_tests:\n          - accepted_values:\n"
        f"              arguments: {{values: [good]}}\n              config: {{where: {where}}}\n",
    )
    with pytest.raises(UserError, match=f"red days: {D1}, {D4}$"):  # asked day by day
        build()
    build(D5, D5)
    with pytest.raises(UserError, match=f"red days: {D1}, {D4}$"):
        build(D4, D4)
    days = "select day::text, passed from intermediate.tested_days where test ~ 'values_fact'"
    expected = [(D1, False), (D4, False), (D5, True)]
    assert query(warehouse, f"{days} order by 1") == expected


@pytest.mark.parametrize(
    ("status", "found", "passed"),
    [
        ("pass", "broken", [True, True]),
        ("fail", f"select date '{D4}' as event_date", [True, False]),
        ("warn", f"select 1 as one, date '{D1}' as ingest_date", [False, True]),
        ("fail", "select 'u1' as user_id", [False, False]),  # no day
        ("fail", f"select unnest(array[date '{D4}', null]) as event_date", [False, False]),
        ("fail", f"select date '{D4}' as event_date where false", [False, False]),  # gone meanwhile
        ("error", "broken", [False, False]),
    ],
)
def test_a_test_fails_for_the_days_of_its_rows(warehouse, status, found, passed):
    result = SimpleNamespace(status=status, node=SimpleNamespace(compiled_code=found))
    partitions = [f"{D1}|us-east", D4]
    assert list(passed_by_partition(warehouse, result, partitions).values()) == passed
