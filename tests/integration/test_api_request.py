"""What an API is asked, in the words of its mapping. Real HTTP."""

from __future__ import annotations

from tests.helpers.paged_api import Call, Said, paged_api
from tests.integration.test_paging import ALL, CURSOR, by_cursor, fast, ids

__all__ = ["fast"]


def test_a_request_is_as_the_mapping_says(tmp_path, monkeypatch):
    monkeypatch.setenv("EVENTS_API_TENANT", "tenant-7")
    section = {
        "path": "/v1/{date}/events",
        "method": "POST",
        "params": {"tenant": "env:EVENTS_API_TENANT", "all": True},
        "headers": {"X-Until": "{end}"},
        "json": {"range": {"from": "{start_epoch}", "to": "{end_epoch}"}},
        "paginator": CURSOR | {"cursor_body_path": "range.cursor"},
    }
    del section["paginator"]["cursor_param"]

    def answer(call: Call) -> Said:
        return by_cursor(Call("", {"cursor": call.body["range"].get("cursor", 0)}, {}, None, 0))

    with paged_api(answer) as api:
        assert ids(api, tmp_path, section) == ALL
    assert [call.body["range"] for call in api.calls] == [
        {"from": 1772323200, "to": 1772409600} | more
        for more in ({}, {"cursor": 10}, {"cursor": 20})
    ]
    assert {call.path for call in api.calls} == {"/v1/2026-03-01/events"}
    assert api.calls[2].query == {"tenant": "tenant-7", "all": "true"}
    assert api.calls[2].headers["X-Until"] == "2026-03-02T00:00:00Z"
