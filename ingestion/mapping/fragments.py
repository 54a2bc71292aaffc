"""What can still be read of a record that is no JSON: the fields before the place where it breaks.

A line that was cut, or is too long to be parsed, mostly begins as the record that it was. Whose it
is must be known when that user is forgotten.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from ingestion.mapping.landing_schema import NO_UTF8
from ingestion.mapping.reasons import Reason

# A string, a bracket, a sign between values, or a number or word, that only where it has an end.
_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s"{}\[\],:]+(?=[\s,\]}]))', re.DOTALL)
# Within a value that nobody asked for only strings and brackets matter.
_STRUCTURE = re.compile(r'[^"{}\[\]]*("(?:[^"\\]|\\.)*"|[{}\[\]])', re.DOTALL)
_BYTE = re.compile(r"\\x[0-9a-f]{2}")  # how a byte that is no UTF-8 is kept
_NO_CHARACTER = re.compile(r"(?<!\\)((?:\\\\)*)(?:\\u0000|[\ud800-\udfff])")
_CLOSING = {"{": "}", "[": "]"}


def fragment(text: str, wanted: set[str], reason: str) -> str | None:
    """The wanted fields that come whole before the fault, as the text of a JSON object.

    Of a field that is itself cut, the members before the cut. Characters that Postgres cannot hold
    become NO_UTF8: no user has that in their id.

    Args:
        text: the record as it was received, from its beginning.
        wanted: names of fields of the record itself.
        reason: why it was rejected.

    Returns:
        None where there is no such field, or the text is no object.
    """
    if reason == Reason.INVALID_ENCODING:
        text = _BYTE.sub(NO_UTF8, text)
    start = _TOKEN.match(text)
    if start is None or start[1] != "{":
        return None
    members: dict[str, str] = {}
    position, left = start.end(), set(wanted)
    while left:
        key, colon = _next(text, position), None
        if key and key[1][0] == '"':
            colon = _next(text, key.end())
        if key is None or colon is None or colon[1] != ":":
            break
        name = _decoded(key[1])
        value, end = _value(text, colon.end(), is_wanted=name in left)
        if name in left and value is not None:
            members[f"{name}"] = value
        left.discard(f"{name}")
        comma = _next(text, end) if end else None
        if comma is None or comma[1] != ",":
            break
        position = comma.end()
    return (
        f"{{{','.join(f'{json.dumps(k)}:{v}' for k, v in members.items())}}}" if members else None
    )


def _next(text: str, position: int) -> re.Match[str] | None:
    return _TOKEN.match(text, position)


def _value(text: str, start: int, *, is_wanted: bool) -> tuple[str | None, int]:
    """A value as valid JSON, and where it ends; 0 where it does not. None for JSON that is not
    wanted, or is none."""
    first = _next(text, start)
    if first is None:
        return None, 0
    if first[1] in _CLOSING:
        end, cut, closing = _container(text, first.end() - 1, is_wanted=is_wanted)
        whole = text[first.start() : cut] + closing
    elif first[1][0] in "}],:":
        return None, 0
    else:
        whole, end = first[1], first.end()
    return (_valid(whole) if is_wanted else None), end


def _container(text: str, start: int, *, is_wanted: bool) -> tuple[int, int, str]:
    """Where a container ends, 0 where it does not; up to where it is whole, and what closes it
    there."""
    token = _TOKEN if is_wanted else _STRUCTURE
    opened: list[str] = []
    position = cut = start
    closing, is_key = "", False
    while found := token.match(text, position):
        sign, position = found[1], found.end()
        if sign in _CLOSING:
            opened.append(_CLOSING[sign])
            is_key = sign == "{"
            cut, closing = position, "".join(reversed(opened))
        elif opened[-1:] == [sign]:
            opened.pop()
            is_key = False
            cut, closing = position, "".join(reversed(opened))
            if not opened:
                return position, position, ""
        elif sign in "}]":
            break
        elif sign == ",":
            is_key = opened[-1] == "}"
        elif sign == ":":
            is_key = False
        elif not is_key:
            cut, closing = position, "".join(reversed(opened))
    return 0, cut, closing


def _valid(text: str) -> str | None:
    """JSON as Postgres and DuckDB take it; numbers become strings, which keep their digits."""
    as_text: Callable[[str], str] = str
    try:
        value = json.loads(
            text, strict=False, parse_int=as_text, parse_float=as_text, parse_constant=as_text
        )
    except (ValueError, RecursionError):
        return None
    written = json.dumps(value, ensure_ascii=False)
    return _NO_CHARACTER.sub(rf"\1{NO_UTF8}", written)


def _decoded(key: str) -> str | None:
    try:
        return str(json.loads(key, strict=False))
    except ValueError:
        return None
