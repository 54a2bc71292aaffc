"""What the guard of the UI lets through: decided from a request's own words."""

from __future__ import annotations

import asyncio
import base64
from contextlib import nullcontext

import pytest

from core.errors import UserError
from orchestration.home.launched_by import launched_by
from orchestration.services.guard import Guard
from orchestration.services.settings import UiSettings
from orchestration.services.three import webserver

HERE = {"host": "localhost:3000", "content-type": "application/json"}
PUBLIC = "https://dagster.example.com"


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def asked(guard_of: dict[str, str], headers: dict[str, str], **scope: object) -> list[str]:
    """The messages that come of a request; "app <who>" where it was passed on."""
    said: list[str] = []

    async def app(*_: object) -> None:
        said.append(f"app {launched_by.get()}".strip())

    async def send(message: dict[str, object]) -> None:
        said.append(f"{message.get('status', message['type'])}")

    sent = [(key.encode(), value.encode()) for key, value in headers.items()]
    request = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b""}
    guard = Guard(app, **guard_of)
    asyncio.run(guard(request | {"headers": sent} | scope, None, send))
    return said[:1]


@pytest.mark.parametrize(
    ("guard", "headers", "expected"),
    [
        ({}, {}, "app"),
        ({}, {"host": "[::1]:80"}, "app"),
        ({}, {"host": "LOCALHOST"}, "app"),
        ({}, {"host": "localhost.evil.example"}, "403"),
        ({}, {"host": "[::1"}, "403"),
        ({}, {"host": ""}, "403"),
        ({}, {"host": "dagster.example.com"}, "403"),
        ({"public": PUBLIC}, {"host": "dagster.example.com"}, "app"),
        ({"public": PUBLIC}, {"origin": PUBLIC}, "app"),
        ({"public": PUBLIC}, {"origin": PUBLIC.replace("https", "http")}, "403"),
        ({}, {"origin": "http://localhost:3000"}, "app"),
        ({}, {"origin": "http://localhost:3001"}, "403"),
        ({}, {"origin": ""}, "403"),
        ({}, {"origin": "http://["}, "403"),
        ({}, {"sec-fetch-site": "same-origin"}, "app"),
        ({}, {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, "403"),
        ({}, {"content-type": "application/json; charset=utf-8"}, "app"),
        ({}, {"content-type": "application/jsonp"}, "415"),
        ({"token": "s3"}, {}, "401"),
        ({"token": "s3"}, {"authorization": "Bearer s3"}, "app"),
        ({"token": "s3"}, {"authorization": "Bearer s"}, "401"),
        ({"token": "s3"}, {"authorization": basic("ada:s3")}, "app"),
        ({"token": "s3"}, {"authorization": basic("s3:")}, "401"),
        ({"token": "s3"}, {"authorization": "Basic é"}, "401"),
        ({"user_header": "X-User"}, {"x-user": "ada"}, "app ada"),
        ({}, {"x-user": "ada"}, "app"),
    ],
)
def test_a_request(guard, headers, expected):
    assert asked(guard, HERE | headers) == [expected]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [({"origin": "http://localhost:3000"}, "app"), ({"origin": "null"}, "websocket.close")],
)
def test_a_web_socket(headers, expected):
    assert asked({}, HERE | headers, type="websocket") == [expected]


@pytest.mark.parametrize("query", [b"query=%7Bversion%7D", b"a=1&query="])
def test_graphql_by_get(query):
    assert asked({}, HERE, method="GET", query_string=query) == ["405"]
    assert asked({}, HERE, method="GET", query_string=b"") == ["app"]  # its page for people


@pytest.mark.parametrize(
    ("host", "token", "read_only", "is_refused"),
    [
        ("127.0.0.1", "", False, False),
        ("192.0.2.1", "", False, True),
        ("192.0.2.1", "a token", False, False),
        ("192.0.2.1", "", True, False),
    ],
)
def test_others_reach_the_ui_only_with_a_token(tmp_path, host, token, read_only, is_refused):
    settings = UiSettings(3000, host, token, read_only, "")
    refusal = pytest.raises(UserError, match=f"UI_HOST={host} .*UI_TOKEN is not set")
    with refusal if is_refused else nullcontext():
        assert webserver(tmp_path, settings).arguments[2:4] == ["--host", host]
