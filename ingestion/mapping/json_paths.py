"""Paths into a record in which a key may be there twice.

The last one counts below the top level, as in Postgres' jsonb, to which `properties` go. DuckDB
takes the first; so a record that may have such a key is read again, step by step.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ingestion.mapping.duck_sql import quoted

_STEP = re.compile(r'\."([^"]+)"|\.(\w+)|(\[#?-?\d+\])')


def steps(path: str) -> list[str]:
    """The keys and `[positions]` of a path of DuckDB; none where it has something else, such as a
    wildcard."""
    if _STEP.sub("", path) != "$":
        return []
    return ["".join(found) for found in _STEP.findall(path)]


def may_repeat(text: str, paths: Iterable[str]) -> str:
    """The condition under which a key below the top level, on one of the paths, may be there twice
    in one object: it is twice in the text, or may be spelled with escapes."""
    keys = sorted({key for path in paths for key in steps(path)[1:] if key[0] != "["})
    if not keys:
        return "false"
    twice = [
        f"strlen({text}) - strlen(replace({text}, {written}, '')) > strlen({written})"
        for written in (quoted(f'"{key}"') for key in keys)
    ]
    return f"(contains({text}, '\\') or {' or '.join(twice)})"


def last_value(text: str, path: str) -> str:
    """What lies at the path as text, where of each key below the top level the last one counts."""
    first, *rest = steps(path)
    value = f"json_extract({text}, {quoted(_one(first))})"
    for key in rest:
        if key.startswith("["):
            value = f"json_extract({value}, {quoted(_one(key))})"
            continue
        keys = "json_keys(object)"
        position = f"len({keys}) - list_position(list_reverse({keys}), {quoted(key)}) + 1"
        last = f"lambda object: json_extract(object, '$.*')[{position}]"
        value = f"list_transform([{value}], {last})[1]"
    return f"json_extract_string({value}, '$')"


def _one(step: str) -> str:
    return f"${step}" if step.startswith("[") else f'$."{step}"'
