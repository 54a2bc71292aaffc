"""A page of an API, taken apart without its records becoming Python objects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb

from core.errors import UserError
from ingestion.mapping.duck_sql import quoted
from ingestion.source.http_client import BadBody, Reply
from ingestion.source.links import linked
from ingestion.source.said_errors import error_in, is_error_alone
from ingestion.source.selection import EACH, NotFound, described, selected, steps_of

NO_CONTENT = 204


@dataclass(frozen=True)
class Page:
    """The records of a page as lines of JSON, and what else it says.

    `body`: the answer, of whose records only the first and the last are there. `is_bare`: there
    was nothing in which the API could have said more, as with a 204.
    """

    lines: str = ""
    count: int = 0
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_bare: bool = False

    @property
    def links(self) -> dict[str, str]:
        """The addresses in the header Link by what they are; one may be several things."""
        return linked(self.headers.get("Link", ""))


class PageReader:
    """Takes bodies apart; several threads may share one."""

    def __init__(self, where: str, data_selector: str, format: str) -> None:
        """Args:
        where: the setting and address, for messages.
        data_selector: a JSONPath of the list of records; $ is the body itself.
        format: json, or jsonl for a body of a record per line.
        """
        self._where = where
        self._selector = data_selector
        self._keys = _keys(data_selector)
        self._format = format
        self._db = duckdb.connect(config={"threads": 1})

    def close(self) -> None:
        """Let go of DuckDB, which must not outlive Python: a thread whose API is silent may."""
        del self._db

    def read(self, reply: Reply, what: str) -> Page:
        """The page that an answer is.

        Args:
            reply: the whole answer.
            what: which day, for messages.

        Raises:
            BadBody: it is not JSON; an answer that was cut may look like that.
            UserError: it is, but not a page.
        """
        if reply.status == NO_CONTENT:
            return Page(headers=reply.headers, is_bare=True)
        try:
            text = reply.body.decode("utf-8-sig")  # JSON is UTF-8: RFC 8259
        except UnicodeDecodeError:
            raise BadBody("answered no JSON") from None
        if self._format == "jsonl":
            return self._of_lines(text, reply.headers, what)
        if self._keys is None:
            return self._selected(text, reply.headers, what)
        try:
            return self._taken_apart(text, reply.headers, what)
        except duckdb.InvalidInputException:  # such as half a surrogate pair in a record
            return self._selected(text, reply.headers, what)

    def _of_lines(self, text: str, headers: Mapping[str, str], what: str) -> Page:
        """A record per line. A line that is broken is a record's own matter; the first and the last
        one tell whether the body is JSON lines, and whether it is whole."""
        lines = [line for line in text.split("\n") if line.strip()]
        try:
            ends = [json.loads(line) for line in (lines[:1] + lines[1:][-1:])]
        except (ValueError, RecursionError):
            raise BadBody("answered no JSON lines") from None
        if ends and isinstance(ends[0], list):
            raise UserError(
                f"{self._where} answered a list for {what}, no JSON lines: is it format = "
                '"json" in [api]?'
            )
        if len(lines) == 1 and is_error_alone(ends[0]):
            raise UserError(f"{self._where} answered an error for {what}: {error_in(ends[0])}")
        return Page("\n".join(lines), len(lines), ends, headers)

    def _taken_apart(self, text: str, headers: Mapping[str, str], what: str) -> Page:
        """By DuckDB, which keeps every digit."""
        with self._db.cursor() as db:  # of this page alone
            found = db.execute(self._query(), [text]).fetchone()
        assert found is not None  # noqa: S101 - a select without a filter
        kind, lines, rest = found
        body = None if rest is None else json.loads(rest)
        if kind not in ("ARRAY", "NULL") or (kind == "NULL" and not self._keys):
            raise self._no_list(body, what, described(body))
        lines = lines or ""
        count = lines.count("\n") + 1 if lines else 0
        ends = [_parsed(lines.partition("\n")[0]), _parsed(lines.rpartition("\n")[2])]
        ends = ends[2 - min(count, 2) :]
        page = Page(lines, count, _put(body, self._keys or (), ends), headers)
        self._refuse_error(page, what)
        return page

    def _query(self) -> str:
        """The kind of what should be the list, its records as lines, and all but the list."""
        keys = self._keys or ()
        at = "$" + "".join(f'."{key}"' for key in keys)
        rest = "null"
        if keys:
            patch: Any = None
            for key in reversed(keys):
                patch = {key: patch}
            is_found = f"json_type(body, {quoted(at)}) is not null"
            patched = f"json_merge_patch(body, {quoted(json.dumps(patch))})::varchar"
            rest = f"case when {is_found} then {patched} else body end"
        records = f"json_extract(body, {quoted(at + '[*]')})::varchar[]"
        return f"""select json_type(body, {quoted(at)}),
            list_aggregate({records}, 'string_agg', chr(10)), {rest}
            from (select ?::varchar as body)"""

    def _selected(self, text: str, headers: Mapping[str, str], what: str) -> Page:
        """By Python: any JSONPath, and what DuckDB does not read."""
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            raise BadBody("answered no JSON") from None
        try:
            found = selected(body, self._selector)
        except NotFound as error:
            raise self._no_list(body, what, str(error)) from None
        lines = "\n".join(json.dumps(record) for record in found)
        page = Page(lines, len(found), body, headers)
        self._refuse_error(page, what)
        return page

    def _no_list(self, body: Any, what: str, has: str) -> UserError:
        shown = self._selector if not self._keys else ".".join(self._keys)
        said = error_in(body)
        if said:
            has += f" and says {said}"
        return UserError(f"{self._where}: a page of {what} has no list {shown!r}: {has}")

    def _refuse_error(self, page: Page, what: str) -> None:
        """An answer that is an error, whatever its status says."""
        if page.count == 0 and (said := error_in(page.body)):
            raise UserError(f"{self._where} answered an error for {what}: {said}")


def _keys(selector: str) -> tuple[str, ...] | None:
    """The keys of a JSONPath that DuckDB can follow; None for any other."""
    steps = steps_of(selector.removesuffix("[*]"))
    if steps is None:
        return None
    keys = tuple(key for key in steps if key is not EACH)
    return keys if len(keys) == len(steps) and not any('"' in key for key in keys) else None


def _put(body: Any, keys: tuple[str, ...], ends: list[Any]) -> Any:
    """The body with these records at its list's place."""
    if not keys:
        return ends
    at = body
    for key in keys[:-1]:
        at = at.setdefault(key, {})
    at[keys[-1]] = ends
    return body


def _parsed(record: str) -> Any:
    """A record as Python sees it; None for one that it cannot see."""
    try:
        return json.loads(record)
    except (ValueError, RecursionError):
        return None
