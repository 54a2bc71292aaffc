"""What dbt says of a node or of itself, as one line: where, Postgres' own sentence, its hint."""

from __future__ import annotations

import re
from typing import Any

from transform.project import PROJECT_DIR

# "Database Error in model fact_events (models/marts/fact_events.sql)"
_HEAD = re.compile(r"\w[\w ]* Error(?: in (?P<what>\S.*?) \((?P<path>[^()]+)\))?:?$")
_MACRO = re.compile(r"> in (?P<what>macro \S+) \((?P<path>[^()]+)\)$")
_OF_POSTGRES = re.compile(r"LINE \d+: (?P<code>.*)$")
_OF_JINJA = re.compile(r"line (?P<line>\d+)$")
_HINT = re.compile(r"(?:HINT|DETAIL): +")
# The caret under a LINE, where the SQL was written, who called a macro, the edge of quoted YAML.
_LEFT_OUT = re.compile(r"\^|compiled code at |> |\| -{3,}")
# From here on: the code of the place, of a function of ours, of the YAML.
_END = re.compile(r"CONTEXT: |-{5,}")


def of_node(result: Any) -> str:
    """The line about a model or test that failed or warned.

    Args:
        result: dbt's of one node (Any: its types are not public).
    """
    node = result.node
    where, text = _taken_apart(result.message or "", getattr(node, "raw_code", ""))
    path = getattr(node, "original_file_path", "")
    if node.resource_type == "operation":  # a hook of the project; its name says nothing
        return text
    if result.status == "fail":
        text = f"{text}; its rows: make dbt ARGS='show -s {node.name}'"
    return f"{node.name}, {where or _shown(path)}: {text}"


def of_invocation(error: BaseException | str | None) -> str:
    """The line about an invocation that failed before its first node, or about an operation."""
    where, text = _taken_apart(str(error or "see above"), "")
    return f"{where}: {text}" if where else text


def _taken_apart(message: str, source: str) -> tuple[str, str]:
    """The place, `file:line` where it is known, and the sentences."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    head = _HEAD.match(lines[0]) if lines else None
    path, line = (head["path"] or "", "") if head else ("", "")
    said: list[str] = []
    for each in lines[1 if head else 0 :]:
        macro, code, number = _MACRO.match(each), _OF_POSTGRES.match(each), _OF_JINJA.match(each)
        if macro:
            if (PROJECT_DIR / macro["path"]).exists():  # not one of dbt's own
                said.append(f"({macro['what']}, {_shown(macro['path'])})")
        elif code:
            line = _line_of(code["code"], source)
        elif number:  # after it comes the line itself
            line = number["line"]
            break
        elif _END.match(each):
            break
        elif _HINT.match(each):
            said[-1:] = [said[-1].rstrip(".") + "."] if said else []
            said.append(_HINT.sub("", each))
        elif not _LEFT_OUT.match(each):
            said.append(" ".join(each.split()))
    place = _shown(path) if path and path != "./dbt_project.yml" else ""
    return (f"{place}:{line}" if place and line else place), " ".join(said)


def _shown(path: str) -> str:
    return f"{PROJECT_DIR.name}/{path}"


def _line_of(code: str, source: str) -> str:
    """The number of the one line of a model's file that has the code which Postgres shows; empty
    where none has, or several: it counts lines of the SQL that dbt has made."""
    part = code.strip().removeprefix("...").removesuffix("...").strip()
    lines = [line.strip() for line in source.splitlines()]
    for is_it in (part.__eq__, lambda line: part in line):
        found = [number for number, line in enumerate(lines, 1) if is_it(line)]
        if len(found) == 1:
            return str(found[0])
    return ""
