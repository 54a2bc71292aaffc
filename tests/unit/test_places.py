"""Folders as templates, by the names in them."""

from datetime import date

import pytest

from core.errors import UserError
from ingestion.mapping.draft.names import sureness
from ingestion.source.places import place_of
from tests.helpers.landing import write


@pytest.mark.parametrize(
    ("names", "template", "days"),
    [
        (["2026-03-01.csv", "2026-03-02.csv"], "%Y-%m-%d.csv", [1, 2]),
        (["20260301.csv.gz", "_SUCCESS", ".x.crc"], "%Y%m%d.csv.gz", [1]),
        (["2026/03/01/a.jsonl", "2026/03/02/b.jsonl"], "%Y/%m/%d/*.jsonl", [1, 2]),
        (["2026-03-01T05.json", "2026-03-01T06.json"], "%Y-%m-%dT%H.json", [1]),
        (["2026-03-01/00/x.json", "2026-03-01/01/x.json"], "%Y-%m-%d/%H/x.json", [1]),
        (
            ["year=2026/month=03/day=01/p-0.parquet", "year=2026/month=03/day=02/p-17.parquet"],
            "year=%Y/month=%m/day=%d/p-*.parquet",
            [1, 2],
        ),
        (["x-2026-03-01-17.gz", "x-2026-03-01-99.plain.gz"], "x-%Y-%m-%d-*.gz", [1]),
        (["a 100%[1]/2026-03-01.csv"], "a 100%%[[]1]/%Y-%m-%d.csv", [1]),
        (["2026-03.csv"], "%Y-%m.csv", [1]),
        (["north.csv"], "north.csv", []),
        (["orders1.csv", "orders2.csv"], "orders*.csv", []),
        (["2026-03-01.csv", "notes.txt", "old.txt"], "%Y-%m-%d.csv", [1]),
        (["id-99999999.csv"], "id-99999999.csv", []),
    ],
)
def test_the_template_of_a_folder(tmp_path, names, template, days):
    write(tmp_path, dict.fromkeys(names, b"x"))
    found = place_of("EVENTS_URL", str(tmp_path))
    assert found.template == f"{tmp_path}/{template}"
    assert [day.day for day in found.days] == days


def test_what_is_not_of_the_template_is_told(tmp_path):
    write(tmp_path, dict.fromkeys(["2026-03-01.csv", "2026-03-02.csv", "users.csv"], b"x"))
    [note] = place_of("EVENTS_URL", str(tmp_path)).notes
    assert note == "1 more, like 'users.csv', are not of this template"


@pytest.mark.parametrize("template", ["%Y-%m-%d*.csv", "%Y-%m-%d.csv", "*%d.csv", "%F.csv"])
def test_the_days_of_a_template(tmp_path, template):
    write(tmp_path, dict.fromkeys(["2026-03-01.csv", "2026-03-04.csv"], b"x"))
    found = place_of("EVENTS_URL", f"{tmp_path}/{template}")
    days = () if template.startswith("*") else (date(2026, 3, 1), date(2026, 3, 4))
    assert found.days == days


@pytest.mark.parametrize("url", ["nowhere/%Y.csv", "https://example.invalid/%Y-%m-%d.csv"])
def test_what_is_not_there_is_one_line(url):
    with pytest.raises(UserError, match=r"matches no file|FROM is not set"):
        place_of("EVENTS_URL", url)


@pytest.mark.parametrize(
    ("role", "keys"),
    [
        ("event_id", "event_id EventID id _id uuid message.id orderId"),
        ("user_id", "user_id userId uid customer CustomerID actor.id who user.email Customer-No"),
        ("event_type", "event_type event type eventName action kind verb"),
        ("event_ts", "event_ts timestamp createdAt created_at time InvoiceDate occurred_at"),
        ("region", "region country countryCode geo.country market"),
    ],
)
def test_names_that_say_what_they_are(role, keys):
    for key in keys.split():
        other = {"event_id", "user_id", "event_type", "event_ts", "region"} - {role}
        own = sureness(role, key.split("."))
        assert own >= 0.45, key
        assert own > max(sureness(each, key.split(".")) for each in other), key
