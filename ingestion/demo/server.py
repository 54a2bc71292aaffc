"""The demo events API: real HTTP on loopback, with a token, pages, and the faults of real ones."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zlib import crc32

from core.days import parse_day
from core.errors import UserError
from ingestion.demo.product import Product, Record

DEMO_TOKEN = "demo-token"  # noqa: S105 - public, guards made-up data
PAGE_ROWS = 1_000
# One request in twenty is refused once with 429 or 503; the same request then succeeds.
FAULT_IN = 20


class DemoApi(ThreadingHTTPServer):
    """The server; `url` is its base URL."""

    daemon_threads = True

    def __init__(
        self, port: int = 0, token: str = DEMO_TOKEN, seed: int = 7, fault_in: int = FAULT_IN
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.fault_in = fault_in
        self.token = token
        self.product = Product(seed)
        self.refused: set[str] = set()
        self.pages_lock = threading.Lock()
        self._bodies: dict[tuple[str, date], list[Record]] = {}

    @property
    def url(self) -> str:
        """The base URL, on loopback."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error of ours; anything else is shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def records(self, path: str, day: date) -> list[Record]:
        """All records of a resource on a UTC day."""
        with self.pages_lock:
            key = (path, day)
            if key not in self._bodies:
                if len(self._bodies) > 16:
                    self._bodies.clear()
                self._bodies[key] = (
                    self.product.delivered_events(day)
                    if path == "/events"
                    else list(self.product.delivered_profiles(day))
                )
            return self._bodies[key]


class _Handler(BaseHTTPRequestHandler):
    server: DemoApi
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """One page, or the reason why not."""
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        if self.headers.get("Authorization") != f"Bearer {self.server.token}":
            return self._answer(HTTPStatus.UNAUTHORIZED, {"error": "wrong or missing token"})
        if url.path not in ("/events", "/user_profiles"):
            return self._answer(HTTPStatus.NOT_FOUND, {"error": f"no resource {url.path}"})
        try:
            day = parse_day("date", query.get("date", ""))
            start = int(query.get("cursor", "0"))
        except (UserError, ValueError) as error:
            return self._answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})
        if self._is_fault():
            status = (
                HTTPStatus.TOO_MANY_REQUESTS
                if crc32(self.path.encode()) % 2
                else HTTPStatus.SERVICE_UNAVAILABLE
            )
            return self._answer(status, {"error": "try again"}, {"Retry-After": "1"})
        records = self.server.records(url.path, day)
        if "region" in query:
            records = [record for record in records if record.get("region") == query["region"]]
        end = start + PAGE_ROWS
        return self._answer(
            HTTPStatus.OK,
            {
                url.path.strip("/"): records[start:end],
                "next_cursor": str(end) if end < len(records) else None,
            },
        )

    def _is_fault(self) -> bool:
        """Refuse a request in twenty, once: which ones depends on the request alone."""
        if crc32(self.path.encode()) % self.server.fault_in or self.path in self.server.refused:
            return False
        self.server.refused.add(self.path)
        return True

    def _answer(
        self, status: HTTPStatus, body: object, headers: dict[str, str] | None = None
    ) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the client says what went wrong."""


@contextmanager
def running(port: int = 0, seed: int = 7, fault_in: int = FAULT_IN) -> Iterator[DemoApi]:
    """A demo API in the background, on a free port unless one is given.

    Args:
        port: 0 for any free one.
        seed: other seeds make other events.
        fault_in: one request in so many is refused once.
    """
    server = DemoApi(port, seed=seed, fault_in=fault_in)
    # It looks for its end ten times a second; by itself twice.
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def serve_forever(port: int) -> None:
    """`make demo-api`: serve on a port of loopback until Ctrl-C.

    Raises:
        UserError: the port is taken.
    """
    try:
        with running(port) as server:
            print(f"EVENTS_URL={server.url} EVENTS_API_TOKEN={server.token}  (Ctrl-C stops it)")
            threading.Event().wait()
    except OSError as error:
        raise UserError(f"DEMO_API_PORT={port} cannot be used: {error.strerror}") from error
