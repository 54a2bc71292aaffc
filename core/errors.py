"""The exceptions that mean "the user can fix this", and what no message may show."""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
from types import TracebackType
from urllib.parse import quote, quote_plus

# Every setting that is declared as a secret: a test compares. Listed here, because a process that
# has not loaded the declarations of a room may show its settings too.
SECRETS = (
    "EVENTS_API_TOKEN",
    "PGPASSWORD",
    "HASH_KEY",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "SMTP_URL",
    "ALERT_WEBHOOK_URL",
    "ALERT_SIGNED_URL",
    "ALERT_SIGNING_KEY",
    "HEARTBEAT_URL",
    "SUCCESS_WEBHOOK_URL",
    "DAGSTER_HISTORY_URL",
    "UI_TOKEN",
)
# Variables that a mapping may read for an API, or dlt for a source, are secrets, whatever they are
# called.
API_VARIABLES = ("EVENTS_API_", "SOURCES__")
# Shorter ones (a password "dev") are parts of ordinary words: hiding them garbles the message.
_SHORTEST = 6
# What is in no variable, such as a token that an API hands out.
_HIDDEN: set[str] = set()
# user:password@, and token@ of http; in abfs://container@account it is no secret.
_LOGIN = re.compile(r"(?:(?<=http://)|(?<=https://)|(?<=://)(?=[^/?#\s'\"@]*:))[^/?#\s'\"]*@")
# Of libpq's keywords: password=secret, password='a secret'.
_KEYWORD = re.compile(r"(?<=\bpassword=)(?:'(?:[^'\\]|\\.)*'|[^\s'\"&/]+)")
_QUERY = re.compile(r"(?<=[?&])([^=&?\s'\"]+)=[^&\s'\"]+?(?=:?(?:[&\s'\"]|$))")


class UserError(Exception):
    """A problem outside the code: a setting, a file, a server.

    The message is one line that names the setting and the value seen. The command line prints it
    and exits with status 2; nothing in the warehouse has changed. Secrets in it are hidden here, so
    that no caller has to think of them.
    """

    status = 2  # how the process ends

    def __init__(self, message: str) -> None:
        super().__init__(redacted(message))


class NotFound(UserError):
    """What was named is nowhere: nothing was done, and another time it may be the same."""

    status = 3


class Unavailable(UserError):
    """A server or store that is away, too slow, or cuts off: this may pass by itself, so whoever
    runs it unattended tries again later. Any other UserError would be the same again."""


def hide(secret: str) -> None:
    """Show a secret in no message from now on."""
    if len(secret) >= _SHORTEST:
        _HIDDEN.add(secret)


def secret_variables() -> dict[str, str]:
    """The variables of the environment that are secret, with their values."""
    of_apis = {name for name in os.environ if name.startswith(API_VARIABLES)}
    return {name: os.environ.get(name, "") for name in (*SECRETS, *of_apis)}


def show_traceback(
    kind: type[BaseException], error: BaseException, at: TracebackType | None
) -> None:
    """For `sys.excepthook`: what is no error of the user's, without secrets."""
    lines = traceback.format_exception(kind, error, at)
    print(redacted("".join(lines)), end="", file=sys.stderr)


def _forms(secret: str) -> tuple[str, ...]:
    """A secret as it is written in messages, URLs, forms, JSON and Python."""
    quoted = (quote(secret, safe=""), quote(secret), quote_plus(secret))
    return (secret, *quoted, json.dumps(secret)[1:-1], repr(secret)[1:-1])


def redacted(text: str) -> str:
    """The text without the secrets of the environment, without the login and the values of the
    query of any URL in it, and without the password among libpq's keywords."""
    secrets = _HIDDEN | {*secret_variables().values()}
    # The longer ones first: one may be a part of another.
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            for written in _forms(secret):
                text = text.replace(written, "***")
    return _KEYWORD.sub("***", _QUERY.sub(r"\1=***", _LOGIN.sub("***@", text)))
