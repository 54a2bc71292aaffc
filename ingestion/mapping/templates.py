"""Values of a mapping's [api] that depend on the window asked for, or on the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from core.days import Window
from core.errors import UserError

# Those that tell one window from the next, in the order of what they can tell.
INSTANTS = ("start", "end", "start_epoch", "end_epoch")
WORDS = ("date", *INSTANTS, "base")
ENVIRONMENT = "env:"
# A mapping may come from somebody else: it reads what is meant for the API, and nothing more.
ALLOWED = "EVENTS_API_"
_WORD = re.compile(r"\{\{(\w+)\}\}|\{(\w+)\}")


def check_templates(value: Any, where: str) -> None:
    """Refuse what can never be filled in.

    Args:
        value: a text, or a list or table of such.
        where: the mapping and its setting, for messages.

    Raises:
        UserError: a word in braces is unknown, or a variable of the environment is not allowed.
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            check_templates(inner, f"{where}.{key}")
    elif isinstance(value, list):
        for inner in value:
            check_templates(inner, where)
    elif isinstance(value, str) and value.startswith(ENVIRONMENT):
        name = value.removeprefix(ENVIRONMENT)
        if not name.startswith(ALLOWED):
            raise UserError(f"{where} = {value!r}: only variables named {ALLOWED}… may be read")
    elif isinstance(value, str):
        for found in _WORD.finditer(value):
            if found[2] and found[2] not in WORDS:
                known = ", ".join(f"{{{word}}}" for word in WORDS)
                raise UserError(
                    f"{where} = {value!r}: {{{found[2]}}} is unknown, there are {known};"
                    f" the text itself is written {{{{{found[2]}}}}}"
                )


def words(window: Window, base: str) -> dict[str, str | int]:
    """What the words in braces stand for.

    Args:
        window: what is asked for; {date} is its first UTC day.
        base: EVENTS_URL or PROFILES_URL, without its query.
    """
    return {
        "date": f"{window.start:%Y-%m-%d}",
        "start": f"{window.start:%Y-%m-%dT%H:%M:%SZ}",
        "end": f"{window.end:%Y-%m-%dT%H:%M:%SZ}",
        "start_epoch": int(window.start.timestamp()),
        "end_epoch": int(window.end.timestamp()),
        "base": base.rstrip("/"),
    }


def named_words(value: Any) -> set[str]:
    """The words in braces of a text, or of all texts of a list or table."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return set().union(*map(named_words, value))
    found = _WORD.finditer(value) if isinstance(value, str) else ()
    return {match[2] for match in found if match[2]}


def filled(value: Any, known: Mapping[str, str | int]) -> Any:
    """The value with all words filled in; a text that is one word alone has that word's type.

    Raises:
        UserError: a variable of the environment is not set.
    """
    if isinstance(value, dict):
        return {key: filled(inner, known) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, known) for inner in value]
    if not isinstance(value, str):
        return value
    if value.startswith(ENVIRONMENT):
        return _of_environment(value.removeprefix(ENVIRONMENT))
    alone = _WORD.fullmatch(value)
    if alone and alone[2]:
        return known[alone[2]]
    return _WORD.sub(lambda found: f"{{{found[1]}}}" if found[1] else str(known[found[2]]), value)


def _of_environment(name: str) -> str:
    found = os.environ.get(name, "")
    if not found:
        raise UserError(f"{name} is not set, and the mapping's [api] reads it")
    return found
