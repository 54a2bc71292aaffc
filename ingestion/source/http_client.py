"""Requests with a retry budget: what is transient is tried again, what is permanent is one line.

One retry mechanism, tenacity's: dlt's client has no jitter, urllib3's `Retry` does not see a body
that is cut, and both count a rate limit as a failure. An API that says 429 is obeyed by every
thread; a page has as long as `RetryBudget` says, whatever goes wrong.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn, TypeVar

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential_jitter
from tenacity.nap import sleep_using_event
from urllib3 import Retry
from urllib3.exceptions import DecodeError, HTTPError, InvalidHeader, TimeoutError

from core.errors import Unavailable, UserError
from ingestion.source.auth import TOKEN, Auth
from ingestion.source.session import Session

MAX_BODY_BYTES = 256 * 2**20
CONNECT_SECONDS = 10
READ_BYTES = 2**16
# A wait that is shorter is not worth telling.
TOLD_SECONDS = 2
TRANSIENT = (408, 429, *range(500, 600))
ANSWERS = (requests.codes.ok, requests.codes.no_content)
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class RetryBudget:
    """How long an API is borne with, in seconds."""

    attempts: int = 5  # of one page; being told to slow down (429) is not counted
    first_wait: float = 0.5  # doubled with every attempt; as much again at most, at random
    longest_wait: float = 60  # also where Retry-After asks for more
    silence: float = 60  # until the next bytes of an answer come
    page: float = 300  # one page, with all its attempts


RETRY_BUDGET = RetryBudget()


@dataclass(frozen=True)
class Reply:
    """A whole answer, unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class BadBody(Exception):
    """A body that cannot be what the API meant to say, such as half a JSON document."""


class _Transient(Exception):
    """What may be gone at the next attempt."""

    def __init__(self, reason: str, status: int = 0, retry_after: float = 0) -> None:
        super().__init__(reason)
        self.status = status
        self.retry_after = retry_after


class HttpClient:
    """Requests to one API from several threads, never more than `concurrency` at a time."""

    def __init__(
        self,
        auth: Auth,
        concurrency: int,
        on_wait: Callable[[str], None] = lambda text: None,
        on_request: Callable[[], None] = lambda: None,
    ) -> None:
        """Args:
        auth: who asks; said to the API, and to no host it redirects to.
        concurrency: requests at a time.
        on_wait: told in one line why and how long everybody waits.
        on_request: called before each request; it may refuse it.
        """
        self._auth = auth
        self._slots = threading.BoundedSemaphore(concurrency)
        self._on_wait = on_wait
        self._on_request = on_request
        self._budget = RETRY_BUDGET
        self._backoff = wait_exponential_jitter(
            multiplier=RETRY_BUDGET.first_wait,
            max=RETRY_BUDGET.longest_wait,
            jitter=RETRY_BUDGET.first_wait,
        )
        self._lock = threading.Lock()
        self._resume_at = 0.0
        self._stopped = threading.Event()
        self._threads = threading.local()  # requests' sessions are not made for several threads

    def stop(self) -> None:
        """Give up: no thread waits or begins a request any more."""
        self._stopped.set()

    def ask(
        self,
        request: requests.Request,
        where: str,
        what: str,
        read: Callable[[Reply], Answer],
        auth: Auth | None = None,
    ) -> Answer:
        """What `read` makes of the answer.

        Args:
            request: what to ask for.
            where: the setting and address, for messages.
            what: which page, for messages.
            read: turns a reply into an answer; a `BadBody` is tried again.
            auth: who asks, if it is not who asks for pages.

        Raises:
            UserError: the API refuses.
            Unavailable: it still fails when the retry budget is spent.
        """
        auth = auth or self._auth
        retrying = Retrying(
            retry=retry_if_exception_type(_Transient),
            stop=self._is_enough,
            wait=self._wait,
            sleep=sleep_using_event(self._stopped),
            reraise=True,
        )
        try:
            for attempt in retrying:
                with attempt:
                    auth.prepare(self._ask_for_token)
                    reply = self._attempt(request, where, what, auth)
                    return _read(read, reply)
        except _Transient as error:
            reason = self._spent(error, int(retrying.statistics["attempt_number"]), where, what)
        raise Unavailable(reason)  # without a cause: that has the URL in it, and would be printed

    def _spent(self, error: _Transient, tried: int, where: str, what: str) -> str:
        """What to say when the retry budget is spent."""
        reason = f"{where} {error} for {what}, {tried} times"
        if error.retry_after > self._budget.longest_wait:
            reason += f" (Retry-After: {error.retry_after:.0f} s)"
        return reason

    def _ask_for_token(self, request: requests.Request, where: str, what: str) -> bytes:
        return self.ask(request, where, what, lambda reply: reply.body, Auth(self._auth.settings))

    def _attempt(self, request: requests.Request, where: str, what: str, auth: Auth) -> Reply:
        deadline = time.monotonic() + self._budget.page
        try:
            with self._slots:
                self._pause()
                self._on_request()
                with self._sent(request, auth) as response:
                    if response.status_code not in ANSWERS:
                        self._refuse(response, where, what, auth)
                    body = self._body(response, deadline, f"{where}: {what}")
            auth.was_accepted()
            return Reply(response.status_code, response.headers, body)
        except requests.TooManyRedirects:
            raise UserError(f"{where} redirects in a circle for {what}") from None
        except requests.exceptions.SSLError as error:
            raise UserError(f"{where} has no valid certificate: {_reason(error)}") from None
        except (requests.ConnectionError, requests.Timeout, HTTPError) as error:
            raise _Transient(f"cannot be reached: {_reason(error)}") from None
        except (
            requests.RequestException,
            ValueError,
        ) as error:  # the latter: no header can have it
            raise UserError(f"{where} cannot be asked: {type(error).__name__}") from None

    def _sent(self, request: requests.Request, auth: Auth) -> requests.Response:
        return self._session().request(
            request.method or "GET",
            request.url or "",
            params=request.params,
            json=request.json,
            data=request.data,
            headers=request.headers,
            auth=auth,
            timeout=(min(CONNECT_SECONDS, self._budget.silence), self._budget.silence),
            stream=True,
        )

    def _refuse(self, response: requests.Response, where: str, what: str, auth: Auth) -> NoReturn:
        """An answer that is none."""
        status = response.status_code
        if status in TRANSIENT:
            raise _Transient(f"answered HTTP {status}", status, _retry_after(response))
        if status == requests.codes.unauthorized and auth.renews(response.request):
            raise _Transient(f"answered HTTP {status}", status)
        if status in (401, 403) and auth.settings:
            raise UserError(f"{auth.settings} is refused by {where}: HTTP {status} for {what}")
        if status in (401, 403):
            raise UserError(
                f"{where} answered HTTP {status} for {what}, and nobody was said to ask:"
                f" set {TOKEN}, or [api.auth] in the mapping"
            )
        raise UserError(f"{where} answered HTTP {status} for {what}")

    def _body(self, response: requests.Response, deadline: float, page: str) -> bytes:
        """The whole body, unpacked. A server may drip it byte by byte, and a timeout only ever
        watches the next byte: hence the deadline."""
        body = bytearray()
        while chunk := response.raw.read1(READ_BYTES, decode_content=True):
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise UserError(f"{page} is larger than {MAX_BODY_BYTES // 2**20} MiB")
            if time.monotonic() > deadline or self._stopped.is_set():
                raise _Transient(f"took longer than {self._budget.page:.0f} s")
        return bytes(body)

    def _is_enough(self, state: RetryCallState) -> bool:
        """Whether to give up. An API that says 429 works: it is only asked too often."""
        error = state.outcome.exception() if state.outcome else None
        spent = max(state.seconds_since_start or 0, state.idle_for)
        is_throttled = isinstance(error, _Transient) and error.status == requests.codes.too_many
        return (
            self._stopped.is_set()
            or spent >= self._budget.page
            or (state.attempt_number >= self._budget.attempts and not is_throttled)
        )

    def _wait(self, state: RetryCallState) -> float:
        """Seconds until the next attempt; where the API has named them, all threads wait."""
        seconds: float = self._backoff(state)
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, _Transient):
            return seconds
        if error.status == requests.codes.unauthorized:
            return 0  # the token is renewed, which is no sign of load
        asked, longest = error.retry_after, self._budget.longest_wait
        if asked:
            seconds = min(asked, longest) + self._jitter()
        if asked or error.status == requests.codes.too_many:
            with self._lock:
                resume_at = time.monotonic() + seconds
                is_news = resume_at > self._resume_at + TOLD_SECONDS
                self._resume_at = max(self._resume_at, resume_at)
            if is_news:
                capped = f", {asked:.0f} s were asked for" if asked > longest else ""
                self._on_wait(f"waiting {seconds:.0f} s: the API {error}{capped}")
        return seconds

    def _pause(self) -> None:
        """Wait until the API wants requests again."""
        left = self._resume_at - time.monotonic()
        if left > 0:
            self._stopped.wait(left + self._jitter())
        if self._stopped.is_set():
            raise UserError("stopped")

    def _jitter(self) -> float:
        """So that not all come back in one instant."""
        return random.uniform(0, self._budget.first_wait)  # noqa: S311

    def _session(self) -> requests.Session:
        """This thread's session, which keeps its connection open."""
        if not hasattr(self._threads, "session"):
            self._threads.session = Session()
        kept: requests.Session = self._threads.session
        return kept


def _read(read: Callable[[Reply], Answer], reply: Reply) -> Answer:
    try:
        return read(reply)
    except BadBody as error:
        raise _Transient(str(error)) from None


def _retry_after(response: requests.Response) -> float:
    """The seconds that Retry-After asks for, given as such or as an HTTP date; 0 for none."""
    try:
        return Retry(retry_after_max=2**31).parse_retry_after(response.headers["Retry-After"])
    except (KeyError, InvalidHeader):
        return 0


def _reason(error: BaseException) -> str:
    """What happened, without the library's own message, which has the URL in it."""
    if isinstance(error, requests.Timeout | TimeoutError):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ContentDecodingError | DecodeError):
        return "its answer is no valid gzip"
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror.lower()
        seen = seen.__cause__ or seen.__context__
    return "the connection was cut"
