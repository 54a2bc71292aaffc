"""The records of a page by a JSONPath: what is not where the path says is told, and no empty page.

A JSONPath finds nothing where a list is empty, and where its name is misspelt: `edge[*].node` was
a day without records.
"""

from __future__ import annotations

import re
from typing import Any

from dlt.common import jsonpath

_STEP = re.compile(
    r"""\.?(?:"([^"]*)"|\['([^']*)'\]|\["([^"]*)"\]|'([^']*)'|([A-Za-z_][\w-]*))|(\[\*\])"""
)
_LAST_STEP = re.compile(r"(\.\*|\[[^][]*\])$")
EACH = None  # the step [*]
Steps = tuple[str | None, ...]


class NotFound(Exception):
    """Where the records should be is something else. Its text says what."""


def steps_of(selector: str) -> Steps | None:
    """The keys and EACH of a JSONPath that only goes down; None for any other."""
    rest = selector.removeprefix("$")
    steps: list[str | None] = []
    while rest:
        found = _STEP.match(rest)
        if not found:
            return None
        steps.append(next((key for key in found.groups()[:-1] if key is not None), EACH))
        rest = rest[found.end() :]
    return None if "" in steps else tuple(steps)


def selected(body: Any, selector: str) -> list[Any]:
    """The records that a JSONPath finds in an answer; of lists that it finds, their members.

    Raises:
        NotFound: what it names is not there.
    """
    steps = steps_of(selector)
    if steps is not None:
        found = _walked(body, steps)
    else:
        found = jsonpath.find_values(selector, body)
        around = _LAST_STEP.sub("", selector)  # whose members are asked for: it may have none
        if not found and not (around != selector and jsonpath.find_values(around, body)):
            raise NotFound(described(body))
    has_lists = any(isinstance(each, list) for each in found)
    if not has_lists and (steps is None or EACH in steps):
        return found
    if not has_lists and not (steps and found == [None]):
        raise NotFound(described(found[0]))
    if any(not isinstance(each, list | None) for each in found):
        raise NotFound("it has lists, and what is none")
    return [record for each in found for record in each or ()]


def _walked(body: Any, steps: Steps) -> list[Any]:
    """What lies at the end of the steps; null is a list without members."""
    nodes = [body]
    for step in steps:
        inner: list[Any] = []
        for node in nodes:
            if step is EACH and isinstance(node, list):
                inner += node
            elif isinstance(node, dict) and step in node:
                inner.append(node[step])
            elif step is not EACH or node is not None:
                missing = "no list" if step is EACH else f"no {step!r}"
                raise NotFound(f"{missing} where {described(node)}")
        nodes = inner
    return nodes


def described(body: Any) -> str:
    """What an answer, or a part of it, has."""
    if isinstance(body, dict) and body:
        return f"it has {', '.join(map(repr, list(body)[:5]))}"
    return "it is a list" if isinstance(body, list) else "it is no object"
