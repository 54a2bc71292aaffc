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

from ingestion.mapping.mapping import SHIPPED
from tests.helpers.servers import serving


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
    """An answer."""

    content: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

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
        self.wfile.write(content)

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


def canonical_mapping(place: Path, api: str) -> str:
    """The path of a mapping like `canonical`, with another section [api]."""
    text = (SHIPPED / "canonical.toml").read_text()
    without = re.sub(r"^\[api\].*?(?=^\[|\Z)", "", text, flags=re.MULTILINE | re.DOTALL)
    place.write_text(f"{without}\n[api]\n{api}\n")
    return str(place)
