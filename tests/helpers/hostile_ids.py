"""Ids of users that are easily taken for another one, for syntax, or for part of something."""

from __future__ import annotations

import json

from hypothesis import strategies as st

POOL = (
    "17",
    "5",
    "0",
    "18446744073709551617",
    "u$1",
    "o'x",
    'a"b',
    "back\\slash",
    "\\",
    "\\u0000",
    "\\x00 \\N",
    "%",
    "100%_",
    "a b",
    " lead",
    "tab\tnew\nline",
    "a | b",
    "null",
    "click",
    "{}",
    '{"user_id": "17"}',
    "$USER ${HOME} $(id)",
    "--; drop table raw.events",
    "\U0001f642",
    "e\u0301",
    "x@y.org",
    "2026-03-01",
    "long" * 247,
    "\u00e9" * 495,
)
_LETTERS = "aB1$%_'\"\\ {}[],:;.-\u00e9\U0001f642\t"
IDS = st.one_of(
    st.sampled_from(POOL),
    st.text(_LETTERS, min_size=1, max_size=12).filter(lambda text: bool(text.strip())),
)
LONGEST = 1_000  # bytes; what is longer is no id of an event


def near(user: str) -> list[str]:
    """Ids that one is a part of, or that are written almost as it is; none is the same."""
    others = {
        f"{user}0",
        f"1{user}",
        user[:-1],
        user[1:],
        user.swapcase(),
        user * 2,
        json.dumps(user)[1:-1],
        user.replace("'", "''"),
        f"{user} x",
    }
    fit = {each for each in others if each.strip() and len(each.encode()) <= LONGEST}
    return sorted(fit - {user})
