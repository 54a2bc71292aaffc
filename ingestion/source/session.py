"""A session of requests that keeps secrets from other hosts."""

from __future__ import annotations

import requests

OF_A_BODY = ("Content-Type", "Content-Length", "Transfer-Encoding")


class Session(requests.Session):
    """Says who asks to the API alone: requests itself hides only `Authorization` from a host that
    the API redirects to, and takes a login of that host from ~/.netrc."""

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """For requests: what a request keeps that is redirected."""
        original = response.request.url or ""
        if self.should_strip_auth(original, prepared_request.url or ""):
            for name in set(prepared_request.headers) - {*self.headers, *OF_A_BODY}:
                del prepared_request.headers[name]
