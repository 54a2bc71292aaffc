"""What a page of an API is: its records where the mapping says, and never an error. Real HTTP."""

from __future__ import annotations

import re

import pytest

from core.errors import UserError
from tests.helpers.paged_api import PagedApi, Said, numbers, paged_api

TEN = [{"n": n} for n in range(10)]
SINGLE = {"type": "single_page"}
CURSOR = {"type": "cursor", "cursor_path": "next", "cursor_param": "cursor"}


def ids(api: PagedApi, tmp_path, section: dict) -> list[int]:
    """The records that came, in order, one `n` each."""
    return numbers(api, tmp_path, {"path": "/events", "data_selector": "items"} | section)


def single(**more: object):
    return lambda call: Said({"items": TEN} | more)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"error": {"message": "quota"}}, "quota"),
        ({"ok": False}, "'ok': false"),
        ({"status": "error", "message": "no database"}, "'status': \"error\""),
        ({"errorMessage": "quota"}, "'errorMessage': quota"),
        ({"error_code": 12}, "'error_code': 12"),
        ({"code": 500}, "'code': 500"),
        ({"meta": {"Error": "quota"}}, "'Error': quota"),
    ],
)
def test_an_error_without_records_is_refused(tmp_path, said, shown):
    with paged_api(single(items=[], **said)) as api, pytest.raises(UserError) as failed:
        ids(api, tmp_path, {"paginator": SINGLE})
    line = str(failed.value)
    assert "answered an error for 2026-03-01: " in line
    assert shown in line


@pytest.mark.parametrize("content", [{"items": None, "next": None}, {"items": []}])
def test_nothing_is_an_empty_day(tmp_path, content):
    with paged_api(lambda call: Said(content)) as api:
        assert ids(api, tmp_path, {"paginator": CURSOR}) == []
    with paged_api(lambda call: Said(status=204)) as api:
        assert ids(api, tmp_path, {"paginator": CURSOR}) == []


@pytest.mark.parametrize(
    ("selector", "body"),
    [
        ("$", [{"n": 1}, {"n": 2}]),
        ("$.a.b[*]", {"a": {"b": [{"n": 1}, {"n": 2}]}}),
        ("hits[*].source", {"hits": [{"source": {"n": 1}}, {"source": {"n": 2}}]}),
        ("$['a b']", {"a b": [{"n": 1}, {"n": 2}]}),
        ("days[*].events", {"days": [{"events": [{"n": 1}]}, {"events": [{"n": 2}]}]}),
        ("days[*].events[*]", {"days": [{"events": [{"n": 1}, {"n": 2}]}, {"events": None}]}),
        ("by_id.*", {"by_id": {"a": {"n": 1}, "b": {"n": 2}}}),
        ("$..events[*]", {"a": {"events": [{"n": 1}, {"n": 2}]}}),
    ],
)
def test_records_are_found_by_a_jsonpath(tmp_path, selector, body):
    section = {"data_selector": selector, "paginator": SINGLE}
    with paged_api(lambda call: Said(body)) as api:
        assert ids(api, tmp_path, section) == [1, 2]


@pytest.mark.parametrize(
    ("selector", "body"),
    [
        ("hit[*].source", {"hits": [{"source": {"n": 1}}]}),
        ("hits[*].sauce", {"hits": [{"source": {"n": 1}}]}),
        ("hits[*].source", {"hits": [{"source": {"n": 1}}, {"n": 2}]}),
        ("hits[*].source", {"hits": {"source": {"n": 1}}}),
        ("$..evnts[*]", {"a": {"events": [{"n": 1}]}}),
        ("by.*", {"by_id": {"a": {"n": 1}}}),
    ],
)
def test_a_jsonpath_that_leads_nowhere_is_no_empty_day(tmp_path, selector, body):
    section = {"data_selector": selector, "paginator": SINGLE}
    with paged_api(lambda call: Said(body)) as api, pytest.raises(UserError) as failed:
        ids(api, tmp_path, section)
    assert f"has no list {selector!r}" in str(failed.value)


@pytest.mark.parametrize(
    ("selector", "body"),
    [
        ("hits[*].source", {"hits": []}),
        ("hits[*].source", {"hits": None}),
        ("$..events[*]", {"a": {"events": []}}),
        ("by_id.*", {"by_id": {}}),
    ],
)
def test_a_jsonpath_of_an_empty_list_is_an_empty_day(tmp_path, selector, body):
    with paged_api(lambda call: Said(body)) as api:
        assert ids(api, tmp_path, {"data_selector": selector, "paginator": SINGLE}) == []


def test_a_code_of_zero_and_an_error_among_records_are_no_failure(tmp_path):
    section = {"paginator": SINGLE}
    with paged_api(single(items=[], errorCode="0", status=200, errors=[])) as api:
        assert ids(api, tmp_path, section) == []
    with paged_api(single(error="slow")) as api:
        assert ids(api, tmp_path, section) == list(range(10))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ({"error": {"code": "quota"}}, "answered an error for 2026-03-01: 'error'"),
        ([{"n": 1}], 'format = "json"'),
    ],
)
def test_an_answer_that_is_no_line_of_a_record_is_refused(tmp_path, line, says):
    section = {"format": "jsonl", "paginator": SINGLE}
    with paged_api(lambda call: Said(line)) as api, pytest.raises(UserError, match=re.escape(says)):
        ids(api, tmp_path, section)


def test_one_line_of_a_record_with_an_error_of_its_own_is_a_record(tmp_path):
    section = {"format": "jsonl", "paginator": SINGLE}
    with paged_api(lambda call: Said({"n": 1, "error": "timeout"})) as api:
        assert ids(api, tmp_path, section) == [1]


def test_json_lines_that_are_cut_are_asked_for_again(tmp_path):
    whole = b'{"n": 1}\r\n\r\n{"n": 2}\n'
    section = {"format": "jsonl", "paginator": SINGLE}
    with paged_api(lambda call: Said(whole[: -3 if call.number == 1 else None])) as api:
        assert ids(api, tmp_path, section) == [1, 2]
    assert len(api.calls) == 2
