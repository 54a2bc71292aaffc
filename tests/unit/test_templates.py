"""The values of [api] that depend on the day, or on the environment."""

from __future__ import annotations

import re
import tomllib

import pytest

from core.days import parse_window
from core.errors import UserError, redacted
from core.settings import ROOT
from ingestion.mapping.api_auth import AUTHS
from ingestion.mapping.api_shape import PAGINATORS, read_api
from ingestion.mapping.templates import check_templates, filled, words

KNOWN = words(parse_window("2026-02-28", "2026-02-28"), "https://x/v1/")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{date}", "2026-02-28"),
        ("{start}/{end}", "2026-02-28T00:00:00Z/2026-03-01T00:00:00Z"),
        ("{end_epoch}", 1772323200),
        ("t{start_epoch}", "t1772236800"),
        ("{base}/token", "https://x/v1/token"),
        ("{{date}} { date }", "{date} { date }"),
        ({"a": ["{date}", 7, True]}, {"a": ["2026-02-28", 7, True]}),
    ],
)
def test_words_are_filled_in(value, expected):
    check_templates(value, "here")
    assert filled(value, KNOWN) == expected


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("{daet}", "{daet} is unknown"),
        ("env:PGPASSWORD", "only variables named EVENTS_API_"),
        ({"a": {"b": ["env:HOME"]}}, "here.a.b"),
    ],
)
def test_what_can_never_be_filled_in_is_refused(value, named):
    with pytest.raises(UserError, match="here") as failed:
        check_templates(value, "here")
    assert named in str(failed.value)


def test_a_variable_is_read_when_it_is_needed_and_never_shown(monkeypatch):
    with pytest.raises(UserError, match="EVENTS_API_KEY is not set"):
        filled("env:EVENTS_API_KEY", KNOWN)
    monkeypatch.setenv("EVENTS_API_KEY", "canary-0123")
    assert filled({"k": "env:EVENTS_API_KEY"}, KNOWN) == {"k": "canary-0123"}
    assert redacted("it is canary-0123") == "it is ***"


CURSOR = {"type": "cursor"}


@pytest.mark.parametrize(
    ("section", "named"),
    [
        ({"events_key": "x", "paginator": CURSOR}, "events_key and paginator"),
        ({"date_param": "x", "auth": {"type": "none"}}, "date_param and auth"),
        ({"profiles_key": "x", "profiles": {"path": "/p"}}, "[api.profiles]"),
        ({"pth": "/x"}, "unknown settings pth"),
        ({"profiles": {"auth": {}}}, "[api.profiles] has unknown settings auth"),
        ({"events_key": ""}, "events_key is ''"),
        ({"events_key": 7}, "events_key is 7, not a text"),
        ({"cursor_path": ""}, "cursor_path is empty"),
        ({"method": "DELETE"}, "method 'DELETE' is not one of GET, POST"),
        ({"format": "xml"}, "format 'xml' is not one of json, jsonl"),
        ({"params": "x"}, "params is 'x', not a table"),
        ({"paginator": {"type": "auto"}}, "type is 'auto'"),
        ({"paginator": {"type": "cursr"}}, "'cursr' is not one of cursor, json_link"),
        ({"paginator": {"type": "cursor", "limit": 1}}, "unknown settings limit"),
        ({"paginator": {"type": "offset"}}, "limit is not given"),
        ({"paginator": {"type": "offset", "limit": True}}, "limit is True, not a number"),
        ({"paginator": {"type": "page_number", "stop_after_empty_page": False}}, "names no end"),
        ({"auth": {"type": "digest"}}, "'digest' is not one of none, bearer"),
        ({"auth": {"type": "bearer", "token": "s3cret"}}, "write env:EVENTS_API_"),
        ({"auth": {"type": "http_basic", "username": "u"}}, "lacks password"),
        ({"auth": {"type": "bearer", "token": "env:PGPASSWORD"}}, "only variables named"),
    ],
)
def test_a_wrong_section_is_one_line(section, named):
    with pytest.raises(UserError) as failed:
        read_api(section, "MAPPING='m'")
    line = str(failed.value)
    assert line.startswith("MAPPING='m': [api")
    assert named in line
    assert "\n" not in line


def test_an_api_without_profiles_is_normal():
    assert read_api({"path": "/x"}, "").profiles is None
    assert read_api({"path": "/x", "profiles": {"path": "/p"}}, "").profiles.path == "/p"
    assert read_api({}, "").profiles.path == "/user_profiles"


def test_the_guide_shows_what_is_read():
    guide = (ROOT / "docs" / "mapping.md").read_text()
    shown = [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)]
    sections = [block["api"] for block in shown if "api" in block]
    types = {
        shape.events.paginator.type for shape in (read_api(section, "m") for section in sections)
    }
    assert types == set(PAGINATORS)
    assert {key for key in AUTHS if f'`type = "{key}"`' in guide} == set(AUTHS)
