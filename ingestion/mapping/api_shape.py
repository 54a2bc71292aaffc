"""How an API is asked and what it answers: the section [api] of a mapping, checked.

There are two vocabularies: the project's own for APIs with a cursor (`events_path`, …), and that of
dlt's `rest_api` source (`path`, `paginator`, …). Both become an `Endpoint` for each table.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from core.errors import UserError
from ingestion.mapping.api_auth import one_of, read_auth
from ingestion.mapping.templates import check_templates

METHODS = ("GET", "POST")
BODIES = ("json", "jsonl")
WINDOWS = ("hour", "day", "month")
# dlt's types of paginators with their arguments ...
PAGINATORS: dict[str, dict[str, type]] = {
    "cursor": {"cursor_path": str, "cursor_param": str, "cursor_body_path": str},
    "json_link": {"next_url_path": str},
    "header_link": {"links_next_key": str},
    "header_cursor": {"cursor_key": str, "cursor_param": str},
    "offset": {
        "limit": int,
        "offset": int,
        "offset_param": str,
        "limit_param": str,
        "offset_body_path": str,
        "limit_body_path": str,
        "maximum_offset": int,
    },
    "page_number": {
        "base_page": int,
        "page": int,
        "page_param": str,
        "page_body_path": str,
        "maximum_page": int,
    },
    "single_page": {},
}
# ... and the signs of an end, which every type may have here.
ENDS: dict[str, type] = {"total_path": str, "has_more_path": str, "stop_after_empty_page": bool}
# What names the next page, and where it does if the mapping does not say.
REFERENCES = {
    "cursor": ("cursor_path", "cursors.next"),
    "json_link": ("next_url_path", "next"),
    "header_link": ("links_next_key", "next"),
    "header_cursor": ("cursor_key", "next"),
}
COUNTED = ("offset", "page_number")
OWN_WORDS = (
    "events_path",
    "events_key",
    "profiles_path",
    "profiles_key",
    "date_param",
    "cursor_param",
    "cursor_path",
    "cursor_optional",
)
DLT_WORDS: dict[str, Any] = {
    "path": str,
    "method": str,
    "params": dict,
    "headers": dict,
    "json": dict,
    "data_selector": str,
    "format": str,
    "window": str,
    "paginator": (dict, str),
}


@dataclass(frozen=True)
class Paginator:
    """How one page leads to the next, and how an end is told.

    `type` and `arguments` are dlt's; `is_declared` is false where the mapping names no paginator:
    then one page is all, and any sign of another one refuses it.
    """

    type: str = "single_page"
    arguments: dict[str, Any] = field(default_factory=dict)
    total_path: str = ""
    has_more_path: str = ""
    stop_after_empty_page: bool = False
    cursor_optional: bool = False
    is_declared: bool = True

    @property
    def setting(self) -> str:
        """The argument that says where the next page is named, as it is written in the mapping."""
        name, default = REFERENCES.get(self.type, ("cursor_path", None))
        return f"{name}={self.arguments.get('shown', self.arguments.get(name, default))!r}"


@dataclass(frozen=True)
class Endpoint:
    """How a window of one table is asked for. Values of the four tables may be templates."""

    path: str
    data_selector: str
    paginator: Paginator
    params: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, Any] = field(default_factory=dict)
    json: dict[str, Any] | None = None
    method: str = "GET"
    format: str = "json"
    window: str = "day"


@dataclass(frozen=True)
class ApiShape:
    """Events, profiles where the API has them, and who asks (`auth`, empty: see `auth.py`)."""

    events: Endpoint
    profiles: Endpoint | None = None
    auth: dict[str, Any] = field(default_factory=dict)

    def endpoint(self, table: str) -> Endpoint | None:
        """That of "events" or "user_profiles"."""
        return self.events if table == "events" else self.profiles


def read_api(section: dict[str, Any], where: str) -> ApiShape:
    """The section [api] of a mapping; an empty one is an API like the demo's.

    Args:
        section: what TOML says.
        where: the mapping, for messages.

    Raises:
        UserError: a setting is unknown or wrong.
    """
    where = f"{where}: [api]"
    own = sorted(section.keys() & set(OWN_WORDS))
    theirs = sorted(section.keys() & {*DLT_WORDS, "auth"})
    unknown = section.keys() - {*OWN_WORDS, *DLT_WORDS, "auth", "profiles"}
    if unknown:
        raise UserError(f"{where} has unknown settings {', '.join(sorted(unknown))}")
    if own and theirs:
        raise UserError(
            f"{where} has {own[0]} and {theirs[0]}, words of two vocabularies: use one of them"
        )
    profiles = section.get("profiles")
    if profiles is not None and {"profiles_path", "profiles_key"} & section.keys():
        raise UserError(f"{where} has profiles_… and [api.profiles]: use one of them")
    auth = read_auth(section.get("auth", {}), f"{where} auth")
    declared = None if profiles is None else _endpoint(profiles, f"{where[:-1]}.profiles]", ())
    if theirs:
        return ApiShape(_endpoint(section, where, ("auth", "profiles")), declared, auth)
    shape = _own_shape({key: section[key] for key in own}, where)
    return ApiShape(shape.events, declared or shape.profiles, auth)


def _own_shape(section: dict[str, Any], where: str) -> ApiShape:
    """The project's own words."""
    words: dict[str, Any] = {
        "events_path": "/events",
        "events_key": "events",
        "profiles_path": "/user_profiles",
        "profiles_key": "user_profiles",
        "date_param": "date",
        "cursor_param": "cursor",
        "cursor_path": "next_cursor",
        "cursor_optional": False,
    } | section
    for name, value in words.items():
        expected = bool if name == "cursor_optional" else str
        if not isinstance(value, expected) or (value == "" and not name.endswith("_path")):
            raise UserError(f"{where} {name} is {value!r}, not a {_called(expected)}")
    if not words["cursor_path"]:
        raise UserError(f"{where} cursor_path is empty: say where a page names the next one")
    paginator = Paginator(
        "cursor",
        {
            "cursor_path": _quoted(*words["cursor_path"].split(".")),
            "cursor_param": words["cursor_param"],
            "shown": words["cursor_path"],
        },
        cursor_optional=words["cursor_optional"],
    )

    def endpoint(path: str, key: str) -> Endpoint:
        params = {words["date_param"]: "{date}"}
        return Endpoint(words[path], _quoted(words[key]), paginator, params)

    return ApiShape(
        endpoint("events_path", "events_key"), endpoint("profiles_path", "profiles_key")
    )


def _quoted(*keys: str) -> str:
    """A JSONPath of keys as they are."""
    return ".".join(f'"{key}"' for key in keys)


def _endpoint(section: Any, where: str, others: tuple[str, ...]) -> Endpoint:
    """dlt's words for one table."""
    if not isinstance(section, dict):
        raise UserError(f"{where} is {section!r}, not a section")
    unknown = section.keys() - DLT_WORDS.keys() - set(others)
    if unknown:
        raise UserError(f"{where} has unknown settings {', '.join(sorted(unknown))}")
    for name, value in section.items():
        if name in DLT_WORDS and not isinstance(value, DLT_WORDS[name]):
            raise UserError(f"{where} {name} is {value!r}, not a {_called(DLT_WORDS[name])}")
        if name in ("path", "params", "headers", "json"):
            check_templates(value, f"{where} {name}")
    method = one_of(section.get("method", "GET").upper(), METHODS, f"{where} method")
    return Endpoint(
        path=section.get("path", ""),
        data_selector=section.get("data_selector", "$") or "$",
        paginator=_paginator(section.get("paginator"), f"{where} paginator"),
        params=section.get("params", {}),
        headers=section.get("headers", {}),
        json=section.get("json"),
        method=method,
        format=one_of(section.get("format", "json"), BODIES, f"{where} format"),
        window=one_of(section.get("window", "day"), WINDOWS, f"{where} window"),
    )


def _paginator(section: Any, where: str) -> Paginator:
    if section is None:
        return Paginator(is_declared=False)
    table: dict[str, Any] = {"type": section} if isinstance(section, str) else section
    kind = table.get("type", "")
    if kind == "auto":
        raise UserError(f"{where} type is 'auto': a guess may end too early; name the type")
    one_of(kind, tuple(PAGINATORS), f"{where} type")
    own = {"cursor_optional": bool} if kind in REFERENCES else {}
    known = PAGINATORS[kind] | ENDS | own
    _check_types({key: value for key, value in table.items() if key != "type"}, known, where)
    paginator = Paginator(
        kind,
        {key: table[key] for key in PAGINATORS[kind] if key in table},
        total_path=table.get("total_path", ""),
        has_more_path=table.get("has_more_path", ""),
        stop_after_empty_page=table.get("stop_after_empty_page", kind in COUNTED),
        cursor_optional=table.get("cursor_optional", False),
    )
    _check_counted(paginator, where)
    return paginator


def _check_counted(paginator: Paginator, where: str) -> None:
    """What pages that are counted need."""
    if paginator.type not in COUNTED:
        return
    if paginator.type == "offset" and paginator.arguments.get("limit", 0) < 1:
        raise UserError(f"{where} limit is not given: how many records a page is to have")
    if not (paginator.total_path or paginator.has_more_path or paginator.stop_after_empty_page):
        raise UserError(
            f"{where} names no end: give total_path, has_more_path or stop_after_empty_page = true"
        )


def _check_types(table: dict[str, Any], known: dict[str, type], where: str) -> None:
    unknown = table.keys() - known.keys()
    if unknown:
        raise UserError(f"{where} has unknown settings {', '.join(sorted(unknown))}")
    for name, value in table.items():
        if type(value) is not known[name]:
            raise UserError(f"{where} {name} is {value!r}, not a {_called(known[name])}")


def _called(expected: Any) -> str:
    """A type in TOML's words."""
    names = {str: "text", int: "number", bool: "true or false", dict: "table"}
    return str(names.get(expected, "table or text"))
