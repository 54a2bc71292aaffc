"""Who asks an API: what is sent, to whom, and that no message shows it. Real HTTP."""

from __future__ import annotations

import base64

import pytest

from core.errors import UserError, redacted
from tests.helpers.paged_api import Call, Said, paged_api
from tests.integration.test_paging import ALL, CURSOR, by_cursor, fast, ids

__all__ = ["fast"]
SECRET = "canary/s3cret"
OAUTH = {
    "type": "oauth2_client_credentials",
    "access_token_url": "{base}/token",
    "client_id": "me",
    "client_secret": "env:EVENTS_API_SECRET",
}
BASIC = base64.b64encode(f"me:{SECRET}".encode()).decode()
KINDS = {
    "bearer": ({"type": "bearer", "token": "env:EVENTS_API_SECRET"}, f"Bearer {SECRET}"),
    "basic": (
        {"type": "http_basic", "username": "me", "password": "env:EVENTS_API_SECRET"},
        f"Basic {BASIC}",
    ),
    "none": ({"type": "none"}, None),
}


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setenv("EVENTS_API_SECRET", SECRET)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_sent(tmp_path, kind):
    auth, header = KINDS[kind]
    with paged_api(by_cursor) as api:
        assert ids(api, tmp_path, {"auth": auth, "paginator": CURSOR}) == ALL
    assert {call.headers.get("Authorization") for call in api.calls} == {header}


@pytest.mark.parametrize("location", ["header", "query"])
def test_a_key_is_told_to_no_other_host(tmp_path, location):
    auth = {
        "type": "api_key",
        "name": "X-Key",
        "location": location,
        "api_key": "env:EVENTS_API_SECRET",
    }
    section = {"headers": {"X-Own": "env:EVENTS_API_SECRET"}, "auth": auth, "paginator": CURSOR}
    with paged_api(lambda call: Said({"items": []})) as other:
        there = other.url.replace("127.0.0.1", "localhost")
        away = Said({}, 302, {"Location": f"{there}/elsewhere"})
        with paged_api(lambda call: away) as api:
            assert ids(api, tmp_path, section) == []
    assert len(other.calls) == 1
    sent = api.calls[0].headers if location == "header" else api.calls[0].query
    assert sent["X-Key"] == SECRET
    assert SECRET not in str(other.calls)


def test_a_bearer_token_that_is_not_set(tmp_path, monkeypatch):
    monkeypatch.delenv("EVENTS_API_TOKEN", raising=False)
    with pytest.raises(UserError, match="EVENTS_API_TOKEN is not set"), paged_api(by_cursor) as api:
        ids(api, tmp_path, {"auth": {"type": "bearer"}, "paginator": CURSOR})


def oauth(valid: int):
    """An API whose tokens serve so many calls."""
    left: dict[str, int] = {}

    def answer(call: Call) -> Said:
        if call.path == "/token":
            assert call.body["client_secret"] == SECRET
            left[f"token-of-{call.number}"] = valid
            return Said({"access_token": f"token-of-{call.number}", "expires_in": 3600})
        token = call.headers["Authorization"].removeprefix("Bearer ")
        left[token] -= 1
        return by_cursor(call) if left[token] >= 0 else Said(status=401)

    return answer


def test_a_token_is_renewed_when_it_is_refused(tmp_path):
    with paged_api(oauth(1)) as api:
        assert ids(api, tmp_path, {"auth": OAUTH, "paginator": CURSOR}) == ALL
    assert [call.path for call in api.calls].count("/token") == 3
    assert redacted("token-of-1") == "***"


def test_a_new_token_that_is_refused_is_a_refusal(tmp_path):
    with paged_api(oauth(0)) as api, pytest.raises(UserError) as failed:
        ids(api, tmp_path, {"auth": OAUTH, "paginator": CURSOR})
    assert str(failed.value).startswith("EVENTS_API_SECRET is refused by EVENTS_URL=")
    assert [call.path for call in api.calls] == ["/token", "/events"] * 2


def test_a_token_is_renewed_before_it_ends(tmp_path):
    def answer(call: Call) -> Said:
        if call.path == "/token":
            return Said({"access_token": f"token-of-{call.number}", "expires_in": 0})
        return by_cursor(call)

    with paged_api(answer) as api:
        assert ids(api, tmp_path, {"auth": OAUTH, "paginator": CURSOR}) == ALL
    assert [call.path for call in api.calls] == ["/token", "/events"] * 3


def test_no_token_in_the_answer(tmp_path):
    with paged_api(lambda call: Said({"token": "t"})) as api, pytest.raises(UserError) as failed:
        ids(api, tmp_path, {"auth": OAUTH, "paginator": CURSOR})
    assert str(failed.value).endswith("/token answered no access_token")


def test_what_the_api_says_of_a_secret_is_hidden(tmp_path):
    auth = KINDS["bearer"][0]
    said = Said({"items": [], "error": f"no such key: {SECRET}"})
    with paged_api(lambda call: said) as api, pytest.raises(UserError) as failed:
        ids(api, tmp_path, {"auth": auth, "paginator": CURSOR})
    assert "no such key: ***" in str(failed.value)


@pytest.mark.parametrize("secret", ["canary-s3cret\n", "canary-s3cr\u20act"])
@pytest.mark.parametrize("where", ["auth", "headers"])
def test_a_secret_that_no_header_can_have_is_refused_unseen(tmp_path, monkeypatch, secret, where):
    monkeypatch.setenv("EVENTS_API_SECRET", secret)
    said = {
        "auth": {"type": "bearer", "token": "env:EVENTS_API_SECRET"},
        "headers": {"X-Own": "env:EVENTS_API_SECRET"},
    }
    with paged_api(by_cursor) as api, pytest.raises(UserError) as failed:
        ids(api, tmp_path, {where: said[where], "paginator": CURSOR})
    assert "canary" not in str(failed.value)
    assert api.calls == []


@pytest.mark.parametrize("token", [None, "", 7, {"value": "t"}])
def test_a_token_that_is_none_is_refused(tmp_path, token):
    with (
        paged_api(lambda call: Said({"access_token": token})) as api,
        pytest.raises(UserError, match="answered no access_token"),
    ):
        ids(api, tmp_path, {"auth": OAUTH, "paginator": CURSOR})


def test_a_token_whose_end_is_null_lasts_as_long_as_dlt_says(tmp_path):
    def answer(call: Call) -> Said:
        token = {"access_token": "t", "expires_in": None}
        return Said(token) if call.path == "/token" else by_cursor(call)

    with paged_api(answer) as api:
        assert ids(api, tmp_path, {"auth": OAUTH, "paginator": CURSOR}) == ALL
    assert len(api.calls) == 4
