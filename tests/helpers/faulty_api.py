"""A real HTTP server on loopback that serves a small events API, and misbehaves as it is told."""

from __future__ import annotations

import gzip
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.helpers.servers import serving

TOKEN = "canary-token-0123456789"
PAGES = 3
PAGE_ROWS = 2


@dataclass
class Asked:
    """One request: for which day and page, and how often it has been asked for with this one."""

    path: str
    day: str
    page: int
    attempt: int
    handler: _Handler


# Answers the request itself and returns True, or leaves it to the server.
Fault = Callable[[Asked], bool]


@dataclass
class FaultyApi:
    """The server's address, and what it was asked for."""

    url: str
    attempts: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    authorized: set[str] = field(default_factory=set)
    released: threading.Event = field(default_factory=threading.Event)


def records(day: str, page: int, happened: str = "") -> list[dict[str, object]]:
    """The events of a page, which happened at noon of `happened`, or of the day itself."""
    return [
        {
            "event_id": f"{day}-{page}-{number}",
            "user_id": "u1",
            "event_type": "click",
            "event_ts": f"{happened or day}T12:00:00Z",
            "region": "eu",
            "properties": {"page": page},
        }
        for number in range(PAGE_ROWS)
    ]


def body(day: str, page: int, **other: object) -> bytes:
    """A page as it should be, but for `other`."""
    following = str(page + 1) if page < PAGES else None
    return json.dumps({"events": records(day, page), "next_cursor": following} | other).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fault: Fault
    api: FaultyApi

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        self.api.authorized.add(self.headers.get("Authorization", ""))
        day, cursor = query.get("date", [""])[0], query.get("cursor", ["1"])[0]
        if url.path == "/user_profiles":
            return self.answer(200, b'{"user_profiles": [], "next_cursor": null}')
        page = int(cursor) if cursor.isdigit() else 0
        self.api.attempts[url.path, day, page] += 1
        attempt = self.api.attempts[url.path, day, page]
        if not self.fault(Asked(url.path, day, page, attempt, self)):
            self.answer(200, body(day, page))
        return None

    def answer(self, status: int, content: bytes, length: int = -1, **headers: str) -> None:
        """A whole answer; with `length` it says it is that long, and hangs up after it."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content) if length < 0 else length))
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = length >= 0

    def start(self, *headers: tuple[str, str]) -> None:
        """Only the head of an answer without a length."""
        self.send_response(200)
        for header in headers:
            self.send_header(*header)
        self.end_headers()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has hung up is what some of the faults are for."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def faulty_api(fault: Fault) -> Iterator[FaultyApi]:
    """The server while it lasts."""
    api = FaultyApi("")
    handler = type("Handler", (_Handler,), {"fault": staticmethod(fault), "api": api})
    server = _Server(("127.0.0.1", 0), handler)
    with serving(server) as api.url:
        try:
            yield api
        finally:
            api.released.set()


# --- Answers that are faults.


def status(code: int, **headers: str) -> Fault:
    def fault(asked: Asked) -> bool:
        asked.handler.answer(code, b'{"error": "no"}', **headers)
        return True

    return fault


def content(text: bytes | Callable[[Asked], bytes]) -> Fault:
    def fault(asked: Asked) -> bool:
        asked.handler.answer(200, text if isinstance(text, bytes) else text(asked))
        return True

    return fault


def silent(asked: Asked) -> bool:
    asked.handler.api.released.wait(20)
    asked.handler.close_connection = True
    return True


def hangs_up(asked: Asked) -> bool:
    asked.handler.close_connection = True
    return True


def cut_short(asked: Asked) -> bool:
    whole = body(asked.day, asked.page)
    asked.handler.answer(200, whole[:-40], length=len(whole))
    return True


def cut_chunked(asked: Asked) -> bool:
    asked.handler.start(("Transfer-Encoding", "chunked"))
    half = body(asked.day, asked.page)[:50]
    asked.handler.wfile.write(b"%x\r\n%s\r\n" % (len(half), half))
    return True


def cut_without_a_length(asked: Asked) -> bool:
    asked.handler.start(("Connection", "close"))
    asked.handler.wfile.write(body(asked.day, asked.page)[:-40])
    return True


def cut_gzip(asked: Asked) -> bool:
    asked.handler.start(("Connection", "close"), ("Content-Encoding", "gzip"))
    asked.handler.wfile.write(gzip.compress(body(asked.day, asked.page))[:-20])
    return True


def damaged_gzip(asked: Asked) -> bool:
    asked.handler.answer(200, b"\x1f\x8b\x08damaged", Content_Encoding="gzip")
    return True


def drips(asked: Asked) -> bool:
    asked.handler.start(("Connection", "close"))
    while not asked.handler.api.released.wait(0.02):
        asked.handler.wfile.write(b" ")
    return True
