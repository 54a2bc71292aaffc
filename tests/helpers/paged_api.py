"""A real HTTP server on loopback whose answers a test gives, request by request."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from core.days import parse_window
from ingestion.mapping.api_shape import read_api
from ingestion.mapping.mapping import SHIPPED
from ingestion.source.api import ApiDelivery, EventsApi
from ingestion.source.auth import made_auth
from ingestion.source.http_client import HttpClient
from ingestion.source.unit import PageEnds
from tests.helpers.servers import serving

DAY = "2026-03-01"
UNSEEN = PageEnds("")


@dataclass
class Call:
    """One request; `query` and `body` hold what was sent with it."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    number: int


@dataclass
class Said:
    """An answer. `missing`: bytes at its end that never come, though its length counts them."""

    content: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    missing: int = 0

    def bytes(self) -> bytes:
        if isinstance(self.content, bytes):
            return self.content
        return json.dumps(self.content).encode()


@dataclass
class PagedApi:
    """Its address, and what it was asked."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are written one after the other, and must not wait 40 ms for each other.
    disable_nagle_algorithm = True
    api: PagedApi
    answer: Callable[[Call], Said]

    def do_GET(self) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        is_json = "json" in self.headers.get("Content-Type", "")
        body = json.loads(text) if is_json else dict(parse_qsl(text))
        url = urlsplit(self.path)
        query, number = dict(parse_qsl(url.query)), len(self.api.calls) + 1
        call = Call(url.path, query, dict(self.headers), body, number)
        self.api.calls.append(call)
        said = self.answer(call)
        self.send_response(said.status)
        for name, value in said.headers.items():
            self.send_header(name, value)
        content = b"" if said.status == 204 else said.bytes()
        if said.status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) - said.missing])
        self.close_connection = said.missing > 0

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def paged_api(answer: Callable[[Call], Said]) -> Iterator[PagedApi]:
    """The server while it lasts."""
    api = PagedApi()
    handler = type("Handler", (_Handler,), {"api": api, "answer": staticmethod(answer)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    with serving(server) as api.url:
        yield api


def numbers(
    api: PagedApi,
    scratch: Path,
    section: dict[str, Any],
    last: str = DAY,
    before: PageEnds = UNSEEN,
) -> list[int]:
    """The records that came, in order, one `n` each.

    Args:
        api: what is asked.
        scratch: a folder for what comes.
        section: [api] of a mapping.
        last: the last UTC day; the first one is DAY.
        before: what earlier loads have seen.

    Raises:
        UserError: what came may not be all.
    """
    shape = read_api(section, "MAPPING='m'")
    client = HttpClient(made_auth(shape.auth, "", {"base": api.url}), concurrency=2)
    events = EventsApi("EVENTS_URL", api.url, "events", shape.events, client, before)
    found = []
    delivery = ApiDelivery(events, events.windows(parse_window(DAY, last)), 2)
    for _, unit in delivery.units(delivery.found, scratch):
        found += [json.loads(line)["n"] for line in unit.path.read_text().splitlines()]
    return found


def canonical_mapping(place: Path, api: str) -> str:
    """The path of a mapping like `canonical`, with another section [api]."""
    text = (SHIPPED / "canonical.toml").read_text()
    without = re.sub(r"^\[api\].*?(?=^\[|\Z)", "", text, flags=re.MULTILINE | re.DOTALL)
    place.write_text(f"{without}\n[api]\n{api}\n")
    return str(place)
