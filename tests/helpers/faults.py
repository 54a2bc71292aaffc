"""The faults of an API: what passes, what may pass later, and what is a refusal."""

from __future__ import annotations

import time
from email.utils import formatdate

from tests.helpers.faulty_api import (
    PAGES,
    Asked,
    Fault,
    body,
    content,
    cut_chunked,
    cut_gzip,
    cut_short,
    cut_without_a_length,
    damaged_gzip,
    drips,
    hangs_up,
    silent,
    status,
)

FIRST = "2026-03-01"  # the day that messages name

# By kind: `make test` runs one case of each (tests/helpers/tiers.py).
TRANSIENT_KINDS: dict[str, dict[str, Fault]] = {
    "slow down": {
        "429": status(429),
        "429, wait 1 s": status(429, Retry_After="1"),
        "429, wait until": status(429, Retry_After=formatdate(time.time() + 2, usegmt=True)),
        "429, wait until a past time": status(429, Retry_After=formatdate(0, usegmt=True)),
        "429, wait nonsense": status(429, Retry_After="soon"),
        "503, wait 1 s": status(503, Retry_After="1"),
    },
    "status": {"503": status(503), "500": status(500), "408": status(408)},
    "no answer": {"no answer in time": silent, "hangs up without an answer": hangs_up},
    "cut": {
        "cut short of its length": cut_short,
        "cut between chunks": cut_chunked,
        "cut without a length": cut_without_a_length,
        "cut gzip": cut_gzip,
    },
    "no body": {
        "damaged gzip": damaged_gzip,
        "a proxy's page": content(b"<html>starting up</html>"),
        "not UTF-8": content(b'{"events": ["\xff"]}'),
        "nothing": content(b""),
    },
}
TRANSIENT = {name: fault for kind in TRANSIENT_KINDS.values() for name, fault in kind.items()}


def page_after(following: dict[int, str | None]) -> Fault:
    """Pages whose next cursor is another one than it should be."""
    return content(lambda asked: body(asked.day, asked.page, next_cursor=following[asked.page]))


def expires(asked: Asked) -> bool:
    return asked.page == PAGES and status(401)(asked)


def redirects(asked: Asked) -> bool:
    return status(302, Location=asked.handler.path)(asked)


# Asking later may help: errors.Unavailable.
OUTAGES: dict[str, tuple[Fault, str]] = {
    "429 for ever": (status(429), f"/events answered HTTP 429 for {FIRST}, "),
    "429 for an hour": (
        status(429, Retry_After="3600"),
        f"answered HTTP 429 for {FIRST}, ",
    ),
    "503 for ever": (status(503), f"/events answered HTTP 503 for {FIRST}, 4 times"),
    "no answer": (silent, f"cannot be reached: no answer in time for {FIRST}, 4 times"),
    "hangs up": (hangs_up, f"cannot be reached: the connection was cut for {FIRST}, 4 times"),
    "cut": (cut_short, f"cannot be reached: the connection was cut for {FIRST}, 4 times"),
    "drips": (drips, f"took longer than 3 s for {FIRST}, "),
    "not JSON": (content(b"<html>"), f"/events answered no JSON for {FIRST}, 4 times"),
}
REFUSALS: dict[str, tuple[Fault, str]] = {
    "token refused": (status(401), f"/events: HTTP 401 for {FIRST}"),
    "token expires": (expires, f"/events: HTTP 401 for page 3 of {FIRST}"),
    "token may not": (status(403), f"/events: HTTP 403 for {FIRST}"),
    "no such path": (status(404), f"/events answered HTTP 404 for {FIRST}"),
    "redirects for ever": (redirects, f"/events redirects in a circle for {FIRST}"),
    "an error as an answer": (
        content(b'{"error": "quota"}'),
        f"/events: a page of {FIRST} has no list 'events': it has 'error'",
    ),
    "a list alone": (content(b"[]"), f"a page of {FIRST} has no list 'events': it is a list"),
    "no list": (content(b'{"events": {}}'), f"a page of {FIRST} has no list 'events'"),
    "its own cursor": (page_after({1: "2", 2: "2"}), f"in a circle on {FIRST}"),
    "A, B, A": (page_after({1: "2", 2: "3", 3: "2"}), f"in a circle on {FIRST}"),
    "the same page again": (
        content(lambda asked: body(FIRST, 1, next_cursor=str(asked.page + 1))),
        f"/events: page 2 of {FIRST} repeats page 1",
    ),
}


PERMANENT = OUTAGES | REFUSALS
