"""A day is right only when its blocking tests passed on what is in it."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from core.days import parse_range
from core.errors import UserError
from core.progress import Progress
from tests.helpers.checkout import EditedProject
from tests.helpers.pipeline import build, deliver, event, in_thread, ingest_files, query
from tests.helpers.processes import run
from transform.build import test_days as the_tests_of

pytestmark = pytest.mark.tables_built

D1, D2, D3 = (f"2026-01-{day:02}" for day in (1, 2, 3))
STATE = "select event_date::text, tests_passed from analytics.event_days order by 1"
A_TEST = """
select event_date, event_id from {{ ref('fact_events') }}
where event_type = 'forbidden' and {{ in_built_days('event_date', 'fact_events') }}
"""


@pytest.fixture
def delivered(warehouse, tmp_path):
    """Three days; then all of them anew, the second with an event that the test below forbids."""
    for day in (D1, D2, D3):
        deliver(tmp_path / "events", day, [event(day, f"{day}T10:00:00Z")])
    ingest_files(warehouse, tmp_path / "events", D1, D3)
    build()
    for day in (D1, D2, D3):
        kind = "forbidden" if day == D2 else "click"
        records = [event(f"{kind} {day}", f"{day}T11:00:00Z", event_type=kind)]
        deliver(tmp_path / "events", day, records)
    ingest_files(warehouse, tmp_path / "events", D1, D3)
    return warehouse


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("checkout")


@pytest.fixture
def project(folder, monkeypatch):
    edited = EditedProject(folder, monkeypatch)
    edited.write("tests/assert_nothing_forbidden.sql", A_TEST)
    return edited


BUILD = ("build", "--exclude-resource-type", "unit_test")


def test_a_failed_test_is_red_until_it_passes(delivered, project, tmp_path):
    """Whoever asks next: a build, a retry, the tests alone, a build of nothing."""
    red = [(D1, True), (D2, False), (D3, True)]
    for command in (BUILD, ["retry"], BUILD, ["test", "--exclude-resource-type", "unit_test"]):
        done = project.dbt(*command)
        assert not done.success, command
        failed = [each.node.name for each in done.result if each.status == "fail"]
        assert failed == ["assert_nothing_forbidden"], command
        assert query(delivered, STATE) == red, command
    with pytest.raises(UserError, match=f"red days: {D2}$"):
        build()

    deliver(tmp_path / "events", D2, [event("good", f"{D2}T10:00:00Z")])
    ingest_files(delivered, tmp_path / "events", D2)
    build()
    assert query(delivered, STATE) == [(D1, True), (D2, True), (D3, True)]


def test_what_was_built_and_not_tested_is_owed(delivered, project):
    """As where the build was killed before its tests."""
    assert project.dbt("run").success
    assert query(delivered, STATE) == [(D1, None), (D2, None), (D3, None)]
    # A build of another day leaves it owed, and does not fail for it.
    build(D3, D3)
    assert query(delivered, STATE) == [(D1, None), (D2, None), (D3, True)]
    # dbt test takes no window: the environment names its days.
    in_thread(the_tests_of, delivered, parse_range(D1, D1), Progress())
    assert query(delivered, STATE) == [(D1, True), (D2, None), (D3, True)]
    with pytest.raises(UserError, match=f"red days: {D2}$"):
        build()
    assert query(delivered, STATE) == [(D1, True), (D2, False), (D3, True)]


def test_a_new_test_owes_all_days(delivered, project):
    (project.dbt_dir / "tests" / "assert_nothing_forbidden.sql").unlink()
    build()
    assert query(delivered, STATE) == [(D1, True), (D2, True), (D3, True)]
    project.write("tests/assert_nothing_forbidden.sql", A_TEST)
    with pytest.raises(UserError):
        build()
    assert query(delivered, STATE) == [(D1, True), (D2, False), (D3, True)]
    # A test that asks something else has been passed by no day.
    project.write("tests/assert_nothing_forbidden.sql", A_TEST.replace("forbidden", "click"))
    with pytest.raises(UserError):
        build()
    assert query(delivered, STATE) == [(D1, False), (D2, True), (D3, False)]


GENERIC_TESTS = """
{% test nothing_forbidden(model, what) %}
select event_id from {{ model }} where not ({{ what }})
{% endtest %}

{% test few_rows(model, what) %}
select count(*) as rows from {{ model }} having count(*) > {{ what }}
{% endtest %}
"""


@pytest.mark.parametrize(
    ("condition", "arguments", "red"),
    [
        # Its rows say no day: it is asked of each.
        ("nothing_forbidden", "event_type <> 'forbidden'", {D2}),
        # Neither day alone has an event too many: all that it looked at.
        ("few_rows", "2", {D1, D2, D3}),
    ],
)
def test_a_test_whose_rows_say_no_day_fails_for_those_that_have_it(
    delivered, project, condition, arguments, red
):
    (project.dbt_dir / "tests" / "assert_nothing_forbidden.sql").unlink()
    project.write("macros/generic_tests.sql", GENERIC_TESTS)
    test = f'      - {condition}: {{ arguments: {{ what: "{arguments}" }} }}\n'
    project.edit(
        "models/marts/fact_events.yml", "    columns:\n", f"    data_tests:\n{test}    columns:\n"
    )
    assert not project.dbt(*BUILD).success
    assert query(delivered, STATE) == [(day, day not in red) for day in (D1, D2, D3)]


def test_owed_days_are_tested_in_bounded_chunks(delivered, project):
    """The newest first; what a build writes is tested whatever their number."""
    (project.dbt_dir / "tests" / "assert_nothing_forbidden.sql").unlink()
    build()
    project.edit("macros/days/tested_days.sql", "{{ return(100) }}", "{{ return(1) }}")
    project.write("tests/assert_nothing_forbidden.sql", A_TEST.replace("forbidden", "nothing"))
    tested = [(D1, None), (D2, None), (D3, None)]
    for day in (2, 1, 0):
        build()
        tested[day] = (tested[day][0], True)
        assert query(delivered, STATE) == tested


def test_a_test_that_becomes_blocking_owes_all_days(delivered, project):
    """It had warned; and it asks of other days than before."""
    warns = "{{ config(severity='warn') }}"
    project.write("tests/assert_nothing_forbidden.sql", warns + A_TEST)
    build()
    assert query(delivered, STATE) == [(D1, True), (D2, True), (D3, True)]
    project.write("tests/assert_nothing_forbidden.sql", A_TEST)
    with pytest.raises(UserError, match=f"red days: {D2}$"):
        build()
    assert query(delivered, STATE) == [(D1, True), (D2, False), (D3, True)]


def test_pruned_days_owe_nothing(delivered):
    build()
    days = (
        "select min(day)::text, count(*) > 0 from intermediate.tested_days where test ~ 'a_fact$'"
    )
    assert query(delivered, days) == [(D1, True)]
    kept = f"{(datetime.now(UTC).date() - date.fromisoformat(D2)).days + 1}"
    assert run("commands.prune", KEEP_DAYS=kept).returncode == 0
    assert query(delivered, days) == [(D2, True)]
    assert query(delivered, "select count(*) from analytics.event_days where not tests_passed") == [
        (0,)
    ]


def test_what_is_not_accounted_for_names_its_days(delivered):
    """By a test that always looks at everything."""
    build()
    query(
        delivered,
        f"""update intermediate.int_event_day_counts set fact_rows = fact_rows + 1
        where ingest_date = '{D3}' returning 1""",
    )
    with pytest.raises(UserError, match=f"red days: {D3}$"):
        build()
    assert query(delivered, STATE) == [(D1, True), (D2, True), (D3, False)]
    build(D3, D3)
    assert query(delivered, STATE) == [(D1, True), (D2, True), (D3, True)]
