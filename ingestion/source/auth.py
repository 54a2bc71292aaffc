"""Who asks an API: dlt's kinds of authentication, with the token of OAuth2 got by our client."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests

from core.errors import UserError, hide
from ingestion.mapping.api_auth import SECRET
from ingestion.mapping.templates import ENVIRONMENT, filled

TOKEN = "EVENTS_API_TOKEN"  # noqa: S105 - the variable's name
# A token is renewed so long before its end, in seconds, for requests that are on their way.
EARLY = 10
Ask = Callable[[requests.Request, str, str], bytes]


class Auth:
    """Nobody has to say who asks, or the same is said with every request."""

    def __init__(
        self,
        settings: str = "",
        sign: Callable[[requests.PreparedRequest], Any] | None = None,
    ) -> None:
        """Args:
        settings: the variables with the secrets, for messages.
        sign: puts them into a request.
        """
        self.settings = settings
        self._sign = sign

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """For requests: the request of who asks.

        Raises:
            UserError: a secret has a sign that no header can have, such as the line end of the file
                that it is from. http.client would show it.
        """
        if self._sign:
            self._sign(request)
        for value in request.headers.values():
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            if not (text.isprintable() and _is_latin(text)):
                what = self.settings or "[api] headers"
                raise UserError(
                    f"{what} cannot be sent in a header: it has a line end, or a letter beyond "
                    "Latin-1"
                )
        return request

    def prepare(self, ask: Ask) -> None:
        """Before a request: get what is needed for it, by `ask` (request, where, what)."""

    def was_accepted(self) -> None:
        """The API has answered a request."""

    def renews(self, request: requests.PreparedRequest) -> bool:
        """Whether another attempt may help a request that was answered 401."""
        return False


class ClientCredentials(Auth):
    """OAuth2: a token for a client's id and secret, renewed before it ends and after a 401.

    Two tokens in a row that the API never took are a refusal.
    """

    def __init__(self, settings: str, arguments: dict[str, Any]) -> None:
        """Args:
        settings: the variables with the secrets, for messages.
        arguments: dlt's arguments, filled in.
        """
        from dlt.sources.helpers.rest_client.auth import OAuth2ClientCredentials

        super().__init__(settings, self._put)
        self._dlt = OAuth2ClientCredentials(**arguments, session=requests.Session())
        self._lock = threading.Lock()
        self._token = ""
        self._ends_at = 0.0
        self._renewals_left = 1

    def _put(self, request: requests.PreparedRequest) -> None:
        request.headers["Authorization"] = f"Bearer {self._token}"

    def prepare(self, ask: Ask) -> None:
        """See `Auth`; one thread asks, the others wait for it."""
        with self._lock:
            if self._token and time.monotonic() < self._ends_at:
                return
            where = f"[api.auth] access_token_url={self._dlt.access_token_url}"
            wanted = self._dlt.build_access_token_request()
            request = requests.Request("POST", self._dlt.access_token_url, **wanted)
            try:
                answer = json.loads(ask(request, where, "a token"))
                token = answer["access_token"]
                # Null as in none said: dlt's default.
                said = {key: value for key, value in answer.items() if value is not None}
                seconds = self._dlt.parse_expiration_in_seconds(said)
            except (ValueError, KeyError, TypeError, AttributeError):
                raise UserError(f"{where} answered no access_token") from None
            if not isinstance(token, str) or not token:
                raise UserError(f"{where} answered no access_token")
            hide(token)
            self._token = token
            self._ends_at = time.monotonic() + max(seconds - EARLY, seconds / 2)

    def was_accepted(self) -> None:
        """See `Auth`."""
        self._renewals_left = 1

    def renews(self, request: requests.PreparedRequest) -> bool:
        """See `Auth`."""
        with self._lock:
            if request.headers.get("Authorization") != f"Bearer {self._token}":
                return True  # another thread has a new one
            if not self._renewals_left:
                return False
            self._renewals_left -= 1
            self._token = ""
            return True


def made_auth(section: Mapping[str, Any], token: str, known: Mapping[str, str | int]) -> Auth:
    """Who asks, as a mapping's [api.auth] says.

    Args:
        section: the table, checked; an empty one sends EVENTS_API_TOKEN where it is set.
        token: EVENTS_API_TOKEN.
        known: what {base} stands for.

    Raises:
        UserError: a variable is not set.
    """
    kind = section.get("type") or ("bearer" if token else "none")
    if kind == "none":
        return Auth()
    from dlt.sources.helpers.rest_client.auth import APIKeyAuth, BearerTokenAuth, HttpBasicAuth

    arguments = {key: filled(value, known) for key, value in section.items() if key != "type"}
    names = [str(section[key]).removeprefix(ENVIRONMENT) for key in SECRET if key in section]
    for key in SECRET:
        hide(arguments.get(key, ""))
    settings = ", ".join(names)
    if kind == "bearer":
        if section and "token" not in section:
            arguments["token"] = filled(f"{ENVIRONMENT}{TOKEN}", known)
        return Auth(settings or TOKEN, BearerTokenAuth(token=arguments.get("token", token)))
    if kind == "api_key":
        return Auth(settings, APIKeyAuth(**arguments))
    if kind == "http_basic":
        return Auth(settings, HttpBasicAuth(**arguments))
    return ClientCredentials(settings, arguments)


def _is_latin(text: str) -> bool:
    """Whether a header can have it."""
    return all(ord(letter) < 256 for letter in text)
