"""What is wrong in Postgres is told when it begins, while it lasts and when it is over."""

from __future__ import annotations

import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.conditions import KINDS, Condition, found_in
from alerts.settings import ALERT, AlertSettings
from alerts.state import silence, tell
from core.errors import Unavailable
from core.settings import ROOT, read_settings
from core.warehouse.relation import read
from tests.helpers.pipeline import build, deliver, event, ingest_files, query
from tests.helpers.processes import run
from tests.helpers.receivers import mail_server, url, web_server

pytestmark = pytest.mark.tables_built

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OWED = Condition("owed-days", "event days", "2 days are owed", ("2026-05-30", "2026-05-31"), 2)
KEY = "a key of sixteen"


@pytest.fixture
def hook():
    with web_server() as server:
        yield server


@pytest.fixture
def settings(hook) -> AlertSettings:
    return read_settings(AlertSettings, {"ALERT_SIGNED_URL": url(hook), "ALERT_SIGNING_KEY": KEY})


def told(hook) -> list[tuple[str, str]]:
    return [(body["state"], body["kind"]) for body in hook.bodies]


def test_what_lasts_is_told_at_its_beginning_each_day_and_when_it_is_over(
    warehouse, hook, settings
):
    for hours in range(50):
        assert tell(warehouse, [OWED], NOW + hours * HOUR, settings) == []
    assert [body["title"].split(": ")[1] for body in hook.bodies] == ["wrong", "still", "still"]
    for hours in (50, 51):
        tell(warehouse, [], NOW + hours * HOUR, settings)
    assert told(hook)[3:] == [("recovered", "owed-days")]
    assert read(warehouse, "raw.alerts") == []
    tell(warehouse, [OWED], NOW + 52 * HOUR, settings)
    keys = [headers["Idempotency-Key"] for _, headers in hook.raw]
    assert len(set(keys)) == len(keys) == 5


def test_a_body_is_signed_and_says_what_a_person_needs(warehouse, hook, settings):
    tell(warehouse, [OWED], NOW, settings)
    [(body, headers)], [read_body] = hook.raw, hook.bodies
    expected = hmac.new(KEY.encode(), body, "sha256").hexdigest()
    assert headers["X-Signature-256"] == f"sha256={expected}"
    said = {"owner": "data-engineering@example.com", "kind": "owed-days", "rows": 2}
    said |= {"days": ["2026-05-30", "2026-05-31"], "runbook": "docs/runbook.md#owed-days"}
    said |= {"link": "http://127.0.0.1:3000", "key": headers["Idempotency-Key"]}
    assert said.items() <= read_body.items()


def test_a_channel_that_is_away_gets_it_later_by_the_same_key_and_no_other_twice(
    warehouse, hook, settings
):
    with mail_server() as (mailbox, smtp_url), web_server() as slack:
        given = {"ALERT_SIGNED_URL": url(hook), "ALERT_SIGNING_KEY": KEY, "SMTP_URL": smtp_url}
        given |= {"ALERT_EMAIL": "a@example.com", "ALERT_WEBHOOK_URL": url(slack)}
        every = read_settings(AlertSettings, given)
        hook.status = 503
        for minutes in range(2):
            at = NOW + timedelta(minutes=minutes)
            assert tell(warehouse, [OWED], at, every) == ["ALERT_SIGNED_URL: not sent (HTTPError)"]
        hook.status = 200
        assert tell(warehouse, [OWED], NOW + HOUR, every) == []
        assert tell(warehouse, [OWED], NOW + 2 * HOUR, every) == []
        assert (len(mailbox.mails), len(slack.bodies)) == (1, 1)
    assert len(hook.raw) == 3
    assert len({headers["Idempotency-Key"] for _, headers in hook.raw}) == 1


def test_a_kind_is_silent_for_as_long_as_a_person_says(warehouse, hook, settings):
    silence(warehouse, "owed-days", NOW + 8 * HOUR)
    other = Condition("quarantine", "2026-05-31", "many")
    tell(warehouse, [OWED, other], NOW, settings)
    assert told(hook) == [("wrong", "quarantine")]
    tell(warehouse, [OWED, other], NOW + 9 * HOUR, settings)
    assert told(hook)[1:] == [("wrong", "owed-days")]


def test_of_what_was_over_before_anybody_was_told_nothing_is_said(warehouse, hook, settings):
    hook.status = 500
    tell(warehouse, [OWED], NOW, settings)
    hook.status = 200
    tell(warehouse, [], NOW + HOUR, settings)
    assert len(hook.bodies) == 1
    assert read(warehouse, "raw.alerts") == []


def test_a_failed_run_that_nobody_looks_at_any_more_has_not_recovered(warehouse, hook, settings):
    failed = Condition("failed-run", "days", "it failed")
    tell(warehouse, [failed], NOW, settings)
    tell(warehouse, [], NOW + HOUR, settings)
    assert told(hook) == [("wrong", "failed-run")]
    tell(warehouse, [failed], NOW + 2 * HOUR, settings)
    tell(warehouse, [], NOW + 3 * HOUR, settings, ended={"days"})
    assert told(hook)[2:] == [("recovered", "failed-run")]


def kinds(warehouse, now: datetime) -> dict[str, Condition]:
    found = found_in(warehouse, read_settings(AlertSettings, {}), now)
    return {each.kind: each for each in found}


def test_what_the_tables_say(warehouse, tmp_path):
    today = datetime.now(UTC)
    assert kinds(warehouse, today) == {}, "nothing was ever delivered"
    day = f"{today - timedelta(days=1):%Y-%m-%d}"
    good = [event(f"{number}", f"{day}T10:00:00Z") for number in range(9)]
    deliver(tmp_path, day, [*good, event("bad", "no time")])
    ingest_files(warehouse, tmp_path, day)
    build()
    found = kinds(warehouse, today)
    assert {*found} == {"quarantine"}
    assert (found["quarantine"].subject, found["quarantine"].rows) == (day, 1)
    assert query(warehouse, found["quarantine"].queries["reasons"])[0][2] == 1

    later = kinds(warehouse, today + timedelta(days=3))["nothing-delivered"]
    assert later.days == (f"{(today + timedelta(days=3, hours=-5)).date() - timedelta(days=1)}",)

    deliver(tmp_path, day, [*good, event("late", f"{day}T11:00:00Z")])
    ingest_files(warehouse, tmp_path, day)
    assert {*kinds(warehouse, today)} == {"quarantine"}, "it may be built any moment"
    owed = kinds(warehouse, today + 7 * HOUR)["owed-days"]
    assert owed.days == (day,)
    assert len(query(warehouse, owed.queries["the days"])) == 1


def test_a_blocking_test_that_fails_is_named_with_its_days(warehouse, tmp_path):
    day = "2026-05-01"
    deliver(tmp_path, day, [event("a", f"{day}T10:00:00Z")])
    ingest_files(warehouse, tmp_path, day)
    build()
    query(warehouse, "update intermediate.tested_days set passed = false returning 1")
    failed = [
        each
        for each in found_in(warehouse, read_settings(AlertSettings, {}), NOW)
        if each.kind == "failed-check"
    ]
    assert {"no_null_user_ids"} <= {each.subject for each in failed}
    assert {each.days for each in failed} == {(day,)}


def test_a_server_that_is_away_says_nothing_of_the_days(warehouse):
    with pytest.raises(Unavailable):
        found_in(replace(warehouse, port=1, host="127.0.0.1"), AlertSettings(), NOW)


def test_every_kind_has_its_place_in_the_runbook():
    headings = Path(ROOT / "docs" / "runbook.md").read_text().splitlines()
    assert [line[3:] for line in headings if line.startswith("## ")][: len(KINDS)] == [*KINDS]
    assert ALERT.kind.words == " | ".join(KINDS)


def test_make_alert_test_sends_one_of_each_everywhere(hook):
    given = {"ALERT_SIGNED_URL": url(hook), "ALERT_SIGNING_KEY": KEY}
    done = run("alerts", "test", **given)
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        [f"{kind}: ALERT_SIGNED_URL: sent" for kind in KINDS],
    )
    assert [body["kind"] for body in hook.bodies] == [*KINDS]
    hook.status = 500
    assert run("alerts", "test", **given).returncode == 1
    done = run("alerts", "test")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_make_silence(warehouse):
    assert run("alerts", "silence", ALERT="quarantine", HOURS="2").returncode == 0
    [row] = read(warehouse, "raw.alert_silences")
    assert row["kind"] == "quarantine"
    left = row["silenced_until"] - datetime.now(UTC)
    assert timedelta(hours=1, minutes=55) < left <= timedelta(hours=2)
    done = run("alerts", "silence", ALERT="rain", HOURS="2")
    assert (done.returncode, done.stderr.startswith("error: ALERT='rain' is unknown")) == (2, True)
