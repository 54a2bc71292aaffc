"""What is delivered of users of whom one is forgotten."""

from __future__ import annotations

import json
from typing import Any

from tests.helpers.pipeline import event

DAY = "2026-03-01"
AT = f"{DAY}T10:00:00Z"


def records_of(user: str, other: str) -> list[dict[str, Any] | str]:
    """A user's records of every kind; each mentions somebody else as often as can be."""
    mentions = {"friend": other, "all": [other, {"user_id": other}], other or "none": 1}
    whole = json.dumps(event("cut", AT, user_id=user, properties={"a": "b" * 50}))
    named = json.dumps({"friend": other, "all": {"user_id": other}, "user_id": user})
    return [
        event("valid", AT, user_id=user, properties=mentions),
        event("timeless", "never", user_id=user, properties=mentions),
        event("typeless", AT, user_id=user, event_type=None, properties=mentions),
        event("long", AT, user_id=user, event_type="x" * 2000, properties=mentions),
        whole[:-20],
        f'{named[:-1]}, "truncated": "{other}',
        f'{named[:-1]}, "nan": NaN, "x": tru}}',
        f'{{"event_id": "nul\\u0000", {named[1:]}',
        f'{{"a": 1, "a": 2, "event_id": "twice", {named[1:]}',
        f'{{"deep": {"[" * 600}{"]" * 600}, {named[1:]}',
    ]


PER_USER = len(records_of("a", "b"))
HELD = """
    select user_id, event_id, reject_reason, payload::text from raw.events
    union all select user_id, 'profile', tier, payload::text from raw.user_profiles
    order by 1, 2, 3, 4
"""
