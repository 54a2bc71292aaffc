"""Answers with status 200 that say that something went wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

TOLD_LETTERS = 200
_ERRORS = ("error", "errors", "fault", "exception", "errormessage", "errorcode", "errordescription")
_ENVELOPES = ("meta", "metadata", "status", "result", "response", "responsestatus", "header")
_FAILED = ("error", "fail", "failed", "failure")
# What an answer has beside an error, where it has nothing else to say.
_BESIDE = (
    *("message", "code", "status", "statuscode", "detail", "details", "title", "type", "ok"),
    *("success", "requestid", "timestamp", "path", "instance", "traceid", "reason"),
)


def error_in(body: Any) -> str:
    """What an answer says went wrong; "" for nothing."""
    return next(_errors(body), "")


def is_error_alone(body: Any) -> bool:
    """Whether an object says that something went wrong, and nothing else: no record does."""
    if not error_in(body):
        return False
    return all(plain_name(key) in (*_ERRORS, *_BESIDE) for key in body)


def _errors(body: Any, depth: int = 2) -> Iterator[str]:
    if not isinstance(body, dict) or not depth:
        return
    for key, value in body.items():
        name = plain_name(key)
        is_none = value is True or not value or not str(value).strip("0")  # a code such as "0"
        if name in _ERRORS and not is_none:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield f"{key!r}: " + " ".join(text.split())[:TOLD_LETTERS]
        elif _has_failed(name, value):
            yield f"{key!r}: {json.dumps(value)}"
        elif name in _ENVELOPES:
            yield from _errors(value, depth - 1)


def _has_failed(name: str, value: Any) -> bool:
    """Whether a field says so without words."""
    if name in ("ok", "success", "issuccess", "succeeded"):
        return value is False or str(value).lower() == "false"
    if name in ("error", "iserror", "haserror", "haserrors"):
        return value is True
    if name in ("status", "code", "statuscode"):
        is_status = type(value) is int and 400 <= value < 600
        return is_status or (name == "status" and str(value).lower() in _FAILED)
    return False


def plain_name(name: str) -> str:
    """A name without its spelling: next_page, nextPage and Next-Page are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
