"""Who asks an API: the table [api.auth] of a mapping, in dlt's types and arguments."""

from __future__ import annotations

from typing import Any

from core.errors import UserError
from ingestion.mapping.templates import ENVIRONMENT, check_templates

AUTHS: dict[str, tuple[str, ...]] = {
    "none": (),
    "bearer": ("token",),
    "api_key": ("name", "api_key", "location"),
    "http_basic": ("username", "password"),
    "oauth2_client_credentials": (
        "access_token_url",
        "client_id",
        "client_secret",
        "access_token_request_data",
        "default_token_expiration",
    ),
}
OPTIONAL = ("token", "name", "location", "access_token_request_data", "default_token_expiration")
SECRET = ("token", "api_key", "password", "client_secret")


def read_auth(section: Any, where: str) -> dict[str, Any]:
    """The table [api.auth], checked. Secrets are names of variables, never written in a mapping.

    Args:
        section: what TOML says.
        where: the mapping and table, for messages.

    Raises:
        UserError: a setting is unknown, missing or wrong.
    """
    if section in ({}, "none"):
        return {"type": "none"} if section else {}
    if not isinstance(section, dict):
        raise UserError(f"{where} is {section!r}, not a section")
    kind = one_of(section.get("type", ""), tuple(AUTHS), f"{where} type")
    unknown = section.keys() - {"type", *AUTHS[kind]}
    if unknown:
        raise UserError(f"{where} has unknown settings {', '.join(sorted(unknown))}")
    for name in AUTHS[kind]:
        if name not in section and name not in OPTIONAL:
            raise UserError(f"{where} of type {kind!r} lacks {name}")
    for name in SECRET:
        if not str(section.get(name, ENVIRONMENT)).startswith(ENVIRONMENT):
            raise UserError(f"{where} {name} is a secret: write env:EVENTS_API_… for its variable")
    one_of(section.get("location", "header"), ("header", "query", "param"), f"{where} location")
    check_templates(section, where)
    return section


def one_of(value: str, known: tuple[str, ...], what: str) -> str:
    """The value, or a UserError that names the known ones."""
    if value not in known:
        raise UserError(f"{what} {value!r} is not one of {', '.join(known)}")
    return value
