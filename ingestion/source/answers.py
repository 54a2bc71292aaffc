"""An answer of an API that nobody has described: where in it the records are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ingestion.source.http_client import BadBody, Reply

DEPTH = 4


@dataclass(frozen=True)
class Answer:
    """`selector`: a JSONPath of the list of records, "" where there is none. `format`: json or
    jsonl. `records`: each as text."""

    body: Any
    headers: Mapping[str, str]
    selector: str = ""
    format: str = "json"
    records: tuple[str, ...] = ()


def answer_of(reply: Reply) -> Answer:
    """What a reply says.

    Raises:
        BadBody: it is neither JSON nor lines of it.
    """
    text = reply.body.decode("utf-8-sig", errors="replace")
    if not text.strip():
        return Answer(None, reply.headers)
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return Answer(None, reply.headers, "$", "jsonl", _lines(text))
    if isinstance(body, dict) and "\n" in text.strip() and not _lists(body, ""):
        return Answer(body, reply.headers)
    lists = sorted(_lists(body, ""), key=lambda each: (-len(each[1]), each[0].count(".")))
    if not lists:
        return Answer(body, reply.headers)
    path, records = lists[0]
    inner = _wrapped(records)
    if inner:
        path, records = f"{path or '$'}[*].{_key(inner)}", [each[inner] for each in records]
    texts = tuple(json.dumps(each, sort_keys=True) for each in records)
    return Answer(body, reply.headers, path or "$", "json", texts)


def _lines(text: str) -> tuple[str, ...]:
    lines = tuple(line for line in text.splitlines() if line.strip())
    try:
        first = json.loads(lines[0])
    except (ValueError, RecursionError):
        raise BadBody("answered no JSON") from None
    if not isinstance(first, dict):
        raise BadBody("answered no JSON")
    return lines


def _lists(body: Any, path: str) -> list[tuple[str, list[Any]]]:
    """The lists of objects, and the empty ones, that are not inside of a record."""
    return list(_found(body, path))


def _found(body: Any, path: str) -> Iterator[tuple[str, list[Any]]]:
    if isinstance(body, list):
        if all(isinstance(each, dict) for each in body):
            yield path, body
    elif isinstance(body, dict) and path.count(".") < DEPTH:
        for key, value in body.items():
            yield from _found(value, f"{path}.{_key(key)}" if path else _key(key))


def _wrapped(records: list[Any]) -> str:
    """The one key of all records whose value is the record itself; "" for none."""
    keys = {tuple(each) for each in records}
    alone = next(iter(keys)) if len(keys) == 1 else ()
    is_inner = len(alone) == 1 and all(isinstance(each[alone[0]], dict) for each in records)
    return str(alone[0]) if is_inner else ""


def _key(key: str) -> str:
    """A key in a JSONPath."""
    return key if key.isidentifier() else f"'{key}'"
