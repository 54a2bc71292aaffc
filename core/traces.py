"""A value in text that programs write for themselves: logs, and files made of data.

Found is the whole value, however it is written there, and no other one that it is a part of.
"""

from __future__ import annotations

import json
import re
import string
from functools import cache
from pathlib import Path
from urllib.parse import quote

# What an id may go on with: "u1" is in none of u10, u1@x and u1-2; 17 is in no day and no time.
_OF_IDS = r"\w$@+\-" + "\u0080-\U0010ffff"


# A longer word or number is nothing else by accident; nor is one with a sign beyond ASCII in it.
_LONGEST_WORD = 40
_PLAIN_SIGNS = frozenset(string.punctuation + string.whitespace)


def _written(value: str) -> str:
    """A value as it is written in text, JSON, SQL, Python and URLs: alternatives of a pattern."""
    forms = {
        value,
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(value)[1:-1])[1:-1],
        value.replace("'", "''"),
        repr(value)[1:-1],
        quote(value, safe=""),
    }
    return "|".join(map(re.escape, sorted(forms, key=len, reverse=True)))


@cache
def pattern(value: str) -> re.Pattern[str]:
    """What finds a value however it is written."""
    before, after = rf"(?<![{_OF_IDS}])(?<!\d:)", rf"(?![{_OF_IDS}])(?!:\d)(?!\.\w)"
    return re.compile(f"{before}(?:{_written(value)}){after}")


def is_telling(value: str) -> bool:
    """Whether an id is hardly anything else by accident: it is no number, no word, and no mere
    punctuation."""
    is_common = value.isdecimal() or value.isalpha() or _PLAIN_SIGNS.issuperset(value)
    return not is_common or len(value) > _LONGEST_WORD


def is_said(text: str, value: str) -> bool:
    """Whether text names somebody. A number, a word or a sign that is also an id is so only where
    it stands as one: within quotes, or after user_id.

    Args:
        text: for people, or JSON.
        value: the id.
    """
    if is_telling(value):
        return pattern(value).search(text) is not None
    return _as_id(value).search(text) is not None


@cache
def _as_id(value: str) -> re.Pattern[str]:
    word, quote_sign = f"(?:{_written(value)})", r"""\\*["']"""
    within_quotes = f"{quote_sign}{word}{quote_sign}"
    named = rf"user_id\b(?:{quote_sign})?\s*[:=]\s*{word}(?![{_OF_IDS}])"
    of_a_key = rf"\([^()]*user_id[^()]*\)=\((?:[^()]*, )?{word}[,)]"  # Postgres' unique constraints
    if _PLAIN_SIGNS.issuperset(value):  # JSON itself writes such between quotes
        quoted_id = rf"user_id\b(?:{quote_sign})?\s*[:=]\s*{within_quotes}"
        return re.compile(f"{named}|{of_a_key}|{quoted_id}")
    return re.compile(f"{within_quotes}|{named}|{of_a_key}")


def shows(path: Path, value: str) -> bool:
    """Whether a file has a value in it."""
    return pattern(value).search(path.read_text(errors="replace")) is not None


def count_lines(path: Path, value: str) -> int:
    """How many lines of a text file have a value in them."""
    found = pattern(value)
    with path.open(errors="replace", newline="") as file:
        return sum(found.search(line) is not None for line in file)


def remove_lines(path: Path, value: str) -> int:
    """Take the lines that have a value in them out of a text file, in its place: whoever writes it
    may hold it open. Returns how many."""
    found = pattern(value)
    with path.open("r+", errors="surrogateescape", newline="") as file:
        lines = file.readlines()
        kept = [line for line in lines if found.search(line) is None]
        if len(kept) < len(lines):
            file.seek(0)
            file.truncate()
            file.writelines(kept)
    return len(lines) - len(kept)
