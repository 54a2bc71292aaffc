"""What may be asked of the UI, and from where.

Dagster's GraphQL answers GET, any content type, any Host and any Origin: a page of any site that
somebody visits could launch a run. A browser says where a request comes from (Fetch Metadata,
Origin), and what a page of another site can send without asking first is no JSON.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from orchestration.home.launched_by import launched_by

LOOPBACK = ("localhost", "127.0.0.1", "::1")
READS = ("GET", "HEAD", "OPTIONS")
# ASGI's own types: a scope or a message holds anything.
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


@dataclass(frozen=True)
class Refusal:
    """Why a request is not answered. `status`: of HTTP."""

    status: int
    reason: str


class Guard:
    """An ASGI application before another: it answers itself what may not be asked."""

    def __init__(self, app: App, public: str = "", token: str = "", user_header: str = "") -> None:
        self._app = app
        self._public = public
        self._hosts = {*LOOPBACK, urlsplit(public).hostname} - {None}
        self._token = token
        self._user_header = user_header.lower()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass on, or refuse."""
        if scope["type"] not in ("http", "websocket"):  # its start and its end
            await self._app(scope, receive, send)
            return
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        if refusal := self.refusal(scope, headers):
            await _refuse(scope, send, refusal)
            return
        launched_by.set(headers.get(self._user_header, "") if self._user_header else "")
        await self._app(scope, receive, send)

    def refusal(self, scope: Message, headers: dict[str, str]) -> Refusal | None:
        """Why a request is not answered; None where it is.

        Args:
            scope: of ASGI, of a request or a web socket.
            headers: by name in small letters.
        """
        host = headers.get("host", "")
        if _hostname(host) not in self._hosts:
            # A name that a stranger's DNS leads here is a page of theirs with our address.
            return Refusal(403, f"Host {host!r} is no name of this UI: DAGSTER_URL names another")
        origin = headers.get("origin")
        is_public = bool(self._public) and origin == self._public
        if origin is not None and not is_public and origin.partition("://")[2] != host:
            return Refusal(403, f"Origin {origin!r} is another site")
        method = scope.get("method", "GET")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            is_link = headers.get("sec-fetch-mode") == "navigate" and method == "GET"
            if not is_link:
                return Refusal(403, "asked for by a page of another site")
        if method not in READS and not _is_json(headers):
            return Refusal(415, "send application/json")
        if scope["path"].rstrip("/").endswith("/graphql") and "query" in _query(scope):
            return Refusal(405, "GraphQL is asked by POST")
        if self._token and not self._is_known(headers.get("authorization", "")):
            return Refusal(401, "UI_TOKEN is set: give it")
        return None

    def _is_known(self, given: str) -> bool:
        """Whether a header of authorization has the token."""
        scheme, _, value = given.partition(" ")
        if scheme.lower() == "basic":
            try:
                value = base64.b64decode(value, validate=True).decode().partition(":")[2]
            except ValueError:  # neither base64 nor text
                return False
        return hmac.compare_digest(value.encode(), self._token.encode())


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _is_json(headers: dict[str, str]) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def _query(scope: Message) -> dict[str, list[str]]:
    return parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)


async def _refuse(scope: Message, send: Send, refusal: Refusal) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.reason})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    if refusal.status == 401:
        headers.append((b"www-authenticate", b'Basic realm="fact-events"'))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{refusal.reason}\n".encode()})
