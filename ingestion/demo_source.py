"""The demo events API as the source, where the user has named none."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from core.warehouse.server import is_named
from ingestion.settings import EVENTS_URL, RESOURCE, named_sources


@contextmanager
def demo_source() -> Iterator[None]:
    """While it lasts, EVENTS_URL is the demo API, where no source is named, and no server.

    With a warehouse of the user's own, made-up events must not come in by an oversight.
    """
    if EVENTS_URL.read() or RESOURCE.read() or named_sources() or is_named():
        yield
        return
    from ingestion.demo.server import running

    with running() as api:
        print("EVENTS_URL is not set: using the demo events API", file=sys.stderr)
        os.environ |= {"EVENTS_URL": api.url, "EVENTS_API_TOKEN": api.token}
        try:
            yield
        finally:
            del os.environ["EVENTS_URL"], os.environ["EVENTS_API_TOKEN"]
