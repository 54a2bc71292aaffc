"""A support desk's tickets, made up and the same each time, to try a resource on without a network.

    make mapping-draft RESOURCE=examples.dlt.tickets:tickets FROM=2026-01-01 TO=2026-01-07

drafts its mapping; the commands that go on from there are what it prints last.
"""

from collections.abc import Iterator
from datetime import datetime
from random import Random
from typing import Any

import dlt


@dlt.resource(name="tickets", primary_key="entry_id", write_disposition="append")
def tickets(start: datetime, end: datetime) -> Iterator[list[dict[str, Any]]]:
    """What happened to tickets from `start` to before `end`, in pages of 100."""
    made = Random(f"{start:%Y-%m-%d}")  # noqa: S311 - no secret
    moments = sorted(start + (end - start) * made.random() for _ in range(300))
    entries = [
        {
            "entry_id": f"{moment:%Y%m%d}-{number}",
            "customer": {"id": made.randrange(1, 200), "country": made.choice(["NL", "DE"])},
            "action": made.choice(["opened", "answered", "closed"]),
            "created_at": moment.replace(microsecond=0),
            "queue": made.choice(["billing", "shipping"]),
        }
        for number, moment in enumerate(moments)
    ]
    for first in range(0, len(entries), 100):
        yield entries[first : first + 100]
