"""SOURCE=api: the events API's days, several at a time, each kept as a file of JSON lines.

The pages of a day are a chain of cursors, so what runs at the same time is days. A day that has
come whole lies on the disk as the records' lines; from there on it is read like any other file.
Memory holds a page per thread, the disk a few days, and no record becomes a Python object.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from multiprocessing.pool import AsyncResult, ThreadPool
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import pyarrow as pa

from core.days import DayRange
from core.errors import UserError
from core.scratch import scratch_directory
from ingestion.decode.readers import read_files
from ingestion.land.drift import Fields
from ingestion.mapping.duck_sql import quoted
from ingestion.mapping.mapping import ApiShape, TableMapping
from ingestion.source.files import DeliveredFile
from ingestion.source.http_client import BadBody, HttpClient

# Days are parsed in groups of about this many bytes: a query costs 30 ms whatever it reads, and
# while it runs the next days are fetched.
GROUP_BYTES = 16 * 2**20
# Pages of one record may say the same: duplicates are the source's right. So often, they go round.
SAME_RECORD = 100
# After an error, how long threads have to notice it: all but those whose API is silent do at once.
GRACE_SECONDS = 2


@dataclass(frozen=True)
class _Page:
    """A page, taken apart: its records as lines, and the next cursor."""

    lines: str
    cursor: str | None


class EventsApi:
    """An events API: its address and shape, and the client that all tables' threads share."""

    def __init__(self, setting: str, base_url: str, shape: ApiShape, client: HttpClient) -> None:
        """Args:
        setting: the setting's name for messages, EVENTS_URL or PROFILES_URL.
        base_url: what the paths of `shape` are appended to; a query in it is sent each time.
        shape: what the API calls things.
        client: does the requests.
        """
        self.setting = setting
        self.base_url = base_url
        self.shape = shape
        self.client = client
        self._db = duckdb.connect(config={"threads": 1})

    def close(self) -> None:
        """Let go of DuckDB, which must not outlive Python: a thread whose API is silent may."""
        del self._db

    def fetch_day(self, table: str, day: date, target: Path) -> int:
        """Write a UTC day's records as JSON lines, page by page.

        A page that fails is asked for again by its cursor: what has come stays.

        Args:
            table: "events" or "user_profiles".
            day: the delivery day to ask for.
            target: the file to write.

        Returns:
            The bytes written.

        Raises:
            UserError: the API is down, refuses, answers something else, or goes in circles.
        """
        shape = self.shape
        is_events = table == "events"
        path = shape.events_path if is_events else shape.profiles_path
        key = shape.events_key if is_events else shape.profiles_key
        parts = urlsplit(self.base_url)
        url = parts._replace(path=parts.path.rstrip("/") + "/" + path.lstrip("/")).geturl()
        where = f"{self.setting}={url}"
        params = {shape.date_param: day.isoformat()}
        asked: set[str | None] = {None}
        seen: dict[int, list[int]] = defaultdict(list)
        with target.open("wb") as file:
            while True:
                what = f"{day}" if len(asked) == 1 else f"page {len(asked)} of {day}"
                page = self.client.get(
                    where, url, params, what, lambda body: self._read(body, key, where, day)
                )
                if page.lines:
                    file.write(page.lines.encode() + b"\n")
                number = len(asked)
                if page.cursor in asked and page.cursor is not None:
                    raise UserError(f"{where}: the cursor goes round in a circle on {day}")
                if page.lines:
                    same = seen[hash(page.lines)]
                    same.append(number)
                    if len(same) > (1 if "\n" in page.lines else SAME_RECORD):
                        raise UserError(f"{where}: page {number} of {day} repeats page {same[0]}")
                if page.cursor is None:
                    return file.tell()
                asked.add(page.cursor)
                params[shape.cursor_param] = page.cursor

    def _read(self, body: bytes, key: str, where: str, day: date) -> _Page:
        """Take a page apart, without its records becoming Python objects.

        Raises:
            BadBody: it is not JSON; an answer that was cut may look like that.
            UserError: it is, but not a page.
        """
        with self._db.cursor() as db:  # of this page alone: see _fetched
            try:
                text = body.decode("utf-8-sig")  # JSON is UTF-8: RFC 8259
                found = db.execute(self._query(key, "json_extract"), [text]).fetchone()
            except UnicodeDecodeError:
                raise BadBody("answered no JSON") from None
            except duckdb.InvalidInputException:
                text = _as_texts(text, key)
                found = db.execute(self._query(key, "json_extract_string"), [text]).fetchone()
            assert found is not None  # noqa: S101 - a select without a filter
            kind, lines, cursor = found
            if kind != "ARRAY":
                (keys,) = db.execute("select json_keys(?)", [text]).fetchall()[0]
                has = f"it has {', '.join(map(repr, keys[:5]))}" if keys else "it is no object"
                raise UserError(f"{where}: a page of {day} has no list {key!r}: {has}")
            following = json.loads(cursor or "null")
            return _Page(lines or "", str(following) if following else None)

    def _query(self, key: str, extract: str) -> str:
        """The kind of what should be the list, its records as lines, and the cursor as JSON."""
        at, cursor = f'$."{key}"', '$."' + self.shape.cursor_path.replace(".", '"."') + '"'
        records = f"{extract}(body, {quoted(at + '[*]')})::varchar[]"
        return f"""select json_type(body, {quoted(at)}),
            list_aggregate({records}, 'string_agg', chr(10)),
            json_extract(body, {quoted(cursor)})::varchar
            from (select ?::varchar as body)"""


def read_api(
    api: EventsApi,
    days: DayRange,
    mapping: TableMapping,
    source: str,
    started_at: datetime,
    batch_rows: int,
    concurrency: int,
    on_day: Callable[[date], None],
    fields: Fields | None = None,
) -> Iterator[pa.RecordBatch]:
    """All records that the API has for the days, as landing rows, in groups of adjacent days.

    Args:
        concurrency: days that are fetched at the same time; twice as many lie on the disk.
        on_day: called when a day has come whole.
        fields: filled with the fields of the records.

    Raises:
        UserError: see `EventsApi.fetch_day`.
    """
    with scratch_directory() as scratch:
        group: list[DeliveredFile] = []
        size = 0

        def parsed() -> Iterator[pa.RecordBatch]:
            yield from read_files(group, mapping, source, started_at, batch_rows, fields)
            for file in group:
                file.path.unlink()

        for file in _fetched(api, days, mapping.table, scratch, concurrency):
            on_day(file.day)
            group.append(file)
            size += file.size
            if size >= GROUP_BYTES:
                yield from parsed()
                group, size = [], 0
        yield from parsed()


def _fetched(
    api: EventsApi, days: DayRange, table: str, scratch: Path, concurrency: int
) -> Iterator[DeliveredFile]:
    """The days in their order, as files, while the next ones are being fetched."""

    def fetch(day: date) -> DeliveredFile:
        path = scratch / f"{day}.jsonl"
        size = api.fetch_day(table, day, path)
        return DeliveredFile(path.name, path, "jsonl", day, size)

    running: deque[AsyncResult[DeliveredFile]] = deque()
    # Its threads are daemons: neither an error nor Ctrl-C waits for an API that does not answer.
    with ThreadPool(concurrency) as pool:
        try:
            for day in days:
                running.append(pool.apply_async(fetch, (day,)))
                if len(running) >= 2 * concurrency:
                    yield running[0].get()
                    running.popleft()
            while running:
                yield running[0].get()
                running.popleft()
            pool.close()
            pool.join()
        except BaseException:
            api.client.stop()
            deadline = time.monotonic() + GRACE_SECONDS
            for result in running:
                result.wait(max(0, deadline - time.monotonic()))
            api.close()
            raise


def _as_texts(text: str, key: str) -> str:
    """A page that only Python reads, such as one with half a surrogate pair in a record, with
    its records as strings: that record is quarantined then, and the others are read.

    Raises:
        BadBody: it is not JSON for Python either.
    """
    try:
        page = json.loads(text)
    except (ValueError, RecursionError):
        raise BadBody("answered no JSON") from None
    if isinstance(page, dict) and isinstance(page.get(key), list):
        page[key] = [json.dumps(record) for record in page[key]]
    return json.dumps(page)
