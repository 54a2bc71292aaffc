"""A page of an API, taken apart without its records becoming Python objects."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

import duckdb

from core.errors import UserError
from ingestion.mapping.duck_sql import quoted
from ingestion.source.http_client import BadBody


@dataclass(frozen=True)
class Page:
    """The records of a page as lines of JSON, and the cursor of the next page."""

    lines: str
    cursor: str | None


class PageReader:
    """Takes bodies apart; several threads may share one."""

    def __init__(self, where: str, records_key: str, cursor_path: str) -> None:
        """Args:
        where: the setting and address, for messages.
        records_key: the field that is the list of records.
        cursor_path: where the cursor of the next page is, `a.b`.
        """
        self._where = where
        self._key = records_key
        self._cursor = '$."' + cursor_path.replace(".", '"."') + '"'
        self._db = duckdb.connect(config={"threads": 1})

    def close(self) -> None:
        """Let go of DuckDB, which must not outlive Python: a thread whose API is silent may."""
        del self._db

    def read(self, body: bytes, day: date) -> Page:
        """The page of a UTC day that a body is.

        Raises:
            BadBody: it is not JSON; an answer that was cut may look like that.
            UserError: it is, but not a page.
        """
        with self._db.cursor() as db:  # of this page alone
            try:
                text = body.decode("utf-8-sig")  # JSON is UTF-8: RFC 8259
                found = db.execute(self._query("json_extract"), [text]).fetchone()
            except UnicodeDecodeError:
                raise BadBody("answered no JSON") from None
            except duckdb.InvalidInputException:
                text = _as_texts(text, self._key)
                found = db.execute(self._query("json_extract_string"), [text]).fetchone()
            assert found is not None  # noqa: S101 - a select without a filter
            kind, lines, cursor = found
            if kind != "ARRAY":
                (keys,) = db.execute("select json_keys(?)", [text]).fetchall()[0]
                has = f"it has {', '.join(map(repr, keys[:5]))}" if keys else "it is no object"
                raise UserError(f"{self._where}: a page of {day} has no list {self._key!r}: {has}")
            following = json.loads(cursor or "null")
            return Page(lines or "", str(following) if following else None)

    def _query(self, extract: str) -> str:
        """The kind of what should be the list, its records as lines, and the cursor as JSON."""
        at = f'$."{self._key}"'
        records = f"{extract}(body, {quoted(at + '[*]')})::varchar[]"
        return f"""select json_type(body, {quoted(at)}),
            list_aggregate({records}, 'string_agg', chr(10)),
            json_extract(body, {quoted(self._cursor)})::varchar
            from (select ?::varchar as body)"""


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
