"""SOURCE=api: a day's pages from the events API, kept as text and parsed by DuckDB.

dlt's REST client does the HTTP: bearer token, cursor pages, retries with exponential back-off on
429, 5xx and broken connections, waiting as long as `Retry-After` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime

import pyarrow as pa
import requests
from dlt.sources.helpers.requests import Client
from dlt.sources.helpers.rest_client.auth import BearerTokenAuth
from dlt.sources.helpers.rest_client.client import RESTClient
from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator

from ingestion import projection
from ingestion.days import DayRange
from ingestion.errors import UserError
from ingestion.mapping import ApiShape, TableMapping

ATTEMPTS = 5
BACKOFF_SECONDS = 0.5  # doubling: an API that is down fails the load after 7.5 s
LONGEST_WAIT_SECONDS = 60
TIMEOUT_SECONDS = 60


class EventsApi:
    """An events API: its base URL, token and shape."""

    def __init__(self, base_url: str, token: str, shape: ApiShape) -> None:
        self.base_url = base_url
        self.shape = shape
        self._client = RESTClient(
            base_url=base_url,
            auth=BearerTokenAuth(token),
            paginator=JSONResponseCursorPaginator(
                cursor_path=shape.cursor_path, cursor_param=shape.cursor_param
            ),
            session=Client(
                raise_for_status=False,  # the REST client raises, after the retries
                request_timeout=TIMEOUT_SECONDS,
                request_max_attempts=ATTEMPTS,
                request_backoff_factor=BACKOFF_SECONDS,
                request_max_retry_delay=LONGEST_WAIT_SECONDS,
            ).session,
        )

    def pages(self, path: str, key: str, day: date) -> Iterator[str]:
        """The bodies of all pages of a UTC day, as JSON text.

        Args:
            path: the resource below the base URL.
            key: the name of the list of records in a page.
            day: the delivery day to ask for.

        Raises:
            UserError: the API is down, refuses the token, or its cursor goes round in a circle.
        """
        where = f"EVENTS_URL={self.base_url}"
        asked: set[str] = set()
        try:
            for page in self._client.paginate(
                path, params={self.shape.date_param: day.isoformat()}, data_selector=key
            ):
                if page.response.url in asked:
                    raise UserError(f"{where}{path}: the cursor goes round in a circle on {day}")
                asked.add(page.response.url)
                yield page.response.text
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            if status in (401, 403):
                raise UserError(f"EVENTS_API_TOKEN is refused by {where}: HTTP {status}") from error
            raise UserError(f"{where}{path} answered HTTP {status} for {day}") from error
        except requests.JSONDecodeError as error:
            raise UserError(f"{where}{path} answered no JSON for {day}") from error
        except requests.RequestException as error:
            reason = type(error).__name__
            raise UserError(f"{where} cannot be reached: {reason}") from error


def read_api(
    api: EventsApi,
    days: DayRange,
    mapping: TableMapping,
    source: str,
    started_at: datetime,
    on_day: Callable[[date], None],
) -> Iterator[pa.RecordBatch]:
    """All records that the API has for the days, as landing rows, a batch a page.

    Args:
        on_day: called when a day's last page has been read.

    Raises:
        UserError: see `EventsApi.pages`.
    """
    shape = api.shape
    is_events = mapping.table == "events"
    path = shape.events_path if is_events else shape.profiles_path
    key = shape.events_key if is_events else shape.profiles_key
    at = f'$."{key}"'
    kind = f"json_type(body, {projection.quoted(at)})"
    records = f"json_extract(body, {projection.quoted(at + '[*]')})"
    received = f"""(select unnest({records})::varchar as line, null::varchar as _file, _ingest_date
        from page)"""
    query = projection.json_lines(mapping, source, received, started_at)
    with projection.session() as db:
        for day in days:
            for body in api.pages(path, key, day):
                page = {"body": [body], "_ingest_date": pa.array([day], pa.date32())}
                db.register("page", pa.table(page))
                if db.sql(f"select {kind} from page").fetchall() != [("ARRAY",)]:
                    where = f"EVENTS_URL={api.base_url}{path}"
                    raise UserError(f"{where}: a page of {day} has no list {key!r}")
                yield from db.sql(query).to_arrow_reader()
            on_day(day)
