"""An API that nobody has described, asked a few times: its window, its list, its pages.

A parameter counts as understood only where the answer is another one with it. What was tried and
did nothing is said.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

from core.days import DayRange, Window
from core.errors import UserError
from ingestion.mapping.templates import filled, named_words, words
from ingestion.source.answers import Answer, answer_of
from ingestion.source.http_client import HttpClient
from ingestion.source.more import signs_of_more
from ingestion.source.page import Page
from ingestion.source.said_errors import error_in

# How APIs call the day, or the begin and end, that they are asked for.
WINDOWS: tuple[dict[str, str], ...] = (
    {"date": "{date}"},
    {"day": "{date}"},
    {"start": "{start}", "end": "{end}"},
    {"from": "{start}", "to": "{end}"},
    {"since": "{start}", "until": "{end}"},
    {"start_date": "{start}", "end_date": "{end}"},
    {"start_time": "{start}", "end_time": "{end}"},
    {"after": "{start}", "before": "{end}"},
)
CURSORS = (
    *("cursor", "after", "page_token", "next_token", "token", "starting_after", "continuation"),
    *("next", "next_cursor", "marker", "scroll_id", "page", "offset"),
)
LAST_IDS = ("starting_after", "after", "since_id", "after_id", "last_id", "cursor")
_NOT_ASKED_SO = re.compile(r"HTTP 4(00|04|05|22)")  # what a wrong path or parameter gets
OTHER = 0.5  # of a page's records are new: then it is another page
MOST_IDS = 5  # fields of the last record that may be its cursor
LIMITS = ("limit", "per_page", "page_size", "size", "count")


@dataclass
class Probed:
    """What [api] says of the API, `reasons` by setting, and what a person has to decide.
    `records`: of the first page, as text."""

    base: str
    section: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    open: dict[str, str] = field(default_factory=dict)
    records: tuple[str, ...] = ()
    requests: int = 0


def probe(client: HttpClient, url: str, day: date) -> Probed:
    """Find out how an API is asked.

    Args:
        client: does the requests.
        url: EVENTS_URL; its query may have {date}, {start}, {end} and their like.
        day: a UTC day of which it has records.

    Raises:
        UserError: it does not answer, or has no list of records for the day.
    """
    return _Probe(client, url, day).run()


class _Probe:
    def __init__(self, client: HttpClient, url: str, day: date) -> None:
        parts = urlsplit(url)
        self._client, self._day = client, day
        self._where = f"EVENTS_URL={parts._replace(query='').geturl()}"
        self._query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self._path = "" if not named_words(parts.path) else parts.path.lstrip("/")
        base = parts._replace(query="", fragment="", path="" if self._path else parts.path)
        self.found = Probed(base.geturl().rstrip("/"))

    def run(self) -> Probed:
        """All of it, one thing after the other."""
        first = self._window()
        self.found.records = first.records
        section = self.found.section
        if first.format == "jsonl":
            section["format"] = "jsonl"
        section["data_selector"] = first.selector
        self.found.reasons["data_selector"] = f"a list of {len(first.records)} records"
        paginator = self._paginator(first)
        if paginator:
            section["paginator"] = paginator
        return self.found

    def _ask(self, day: date, params: dict[str, Any], path: str) -> Answer:
        window = Window.of_days(DayRange.of(day))
        known = words(window, self.found.base)
        address = f"{self.found.base}/{filled(path, known)}" if path else self.found.base
        request = requests.Request("GET", address, params=filled(self._query | params, known))
        self.found.requests += 1
        return self._client.ask(request, self._where, f"{day}", answer_of)

    def _tried(self, params: dict[str, Any]) -> Answer | None:
        """The answer with more parameters; None where the API refuses them."""
        try:
            asked = self.found.section.get("params", {}) | params
            return self._ask(self._day, asked, self.found.section.get("path", ""))
        except UserError:
            return None

    def _window(self) -> Answer:
        """How a day is asked for, and what the API answers."""
        if named_words([self._path, *self._query.values()]):
            self.found.section |= {"path": self._path} if self._path else {}
            said = {key: value for key, value in self._query.items() if named_words(value)}
            self._query = {key: value for key, value in self._query.items() if key not in said}
            self.found.section |= {"params": said} if said else {}
            self.found.reasons["params"] = "as EVENTS_URL says"
            return self._with_records(self._ask(self._day, said, self._path))
        path, plain = self._place()
        self.found.section |= {"path": path} if path else {}
        for params in WINDOWS:
            if told := self._tells_days(params, path):
                self.found.section["params"] = params
                names = " and ".join(params)
                self.found.reasons["params"] = f"with another {names} the answer is another one"
                return self._with_records(told)
        tried = ", ".join(" and ".join(each) for each in WINDOWS)
        self.found.open["params"] = f"no parameter was seen to choose the day; tried: {tried}"
        return self._with_records(plain)

    def _place(self) -> tuple[str, Answer]:
        """The path below EVENTS_URL that answers with a list."""
        refused: list[UserError] = []
        for path in ("", "events"):
            for params in ({"date": "{date}"}, {}):
                try:
                    answer = self._ask(self._day, params, path)
                except UserError as error:
                    refused.append(error)
                    continue
                if answer.selector:
                    return path, answer
        told = [error for error in refused if not _NOT_ASKED_SO.search(str(error))]
        if told or not refused:
            raise told[0] if told else UserError(f"{self._where} answers without a list of records")
        raise UserError(
            f"{refused[0]}, also with /events: give the whole address, with what it wants to know,"
            " such as …/search?from={start}&to={end} or …/{date}"
        )

    def _tells_days(self, params: dict[str, str], path: str) -> Answer | None:
        """The answer for the day, where that for another day, long before it, is another one."""
        answers = []
        for day in (self._day, self._day - timedelta(days=400)):
            try:
                answers.append(self._ask(day, params, path))
            except UserError:
                return None
        is_told = answers[0].records and answers[0].records != answers[1].records
        return answers[0] if is_told else None

    def _with_records(self, answer: Answer) -> Answer:
        if said := error_in(answer.body):
            raise UserError(f"{self._where} answered an error for {self._day}: {said}")
        if not answer.records:
            raise UserError(
                f"{self._where} answers no records for {self._day}: give a day that has some,"
                " FROM=YYYY-MM-DD"
            )
        return answer

    def _paginator(self, first: Answer) -> dict[str, Any]:
        """The first way to another page that leads to other records."""
        page = Page("", len(first.records), first.body, first.headers)
        signs = [
            (sign.seen, _parsed(sign.paginator))
            for sign in signs_of_more(page, len(first.records), 1, {})
        ]
        more = next((said["has_more_path"] for _, said in signs if said.get("has_more_path")), "")
        ends = {"has_more_path": more} if more else {}
        for seen, said in signs:
            if said.get("type") in ("json_link", "header_link"):
                return self._chosen(said, seen)
            if _names_cursor(said) and (name := self._cursor_param(first, said)):
                why = f"{seen}; with {name} other records come"
                return self._chosen(said | {"cursor_param": name} | ends, why)
        totals = {said["type"]: said["total_path"] for _, said in signs if said.get("total_path")}
        if counted := self._counted(first, ends, totals) or self._after_last(first, ends):
            return counted
        if signs:
            tried = f"neither {', '.join(CURSORS)} nor an offset or a page leads on"
            self.found.open["paginator"] = f"the answer has {signs[0][0]}; {tried}"
            return {}
        why = "no sign of another page, and offset and page change nothing"
        return self._chosen({"type": "single_page"}, why)

    def _chosen(self, paginator: dict[str, Any], why: str) -> dict[str, Any]:
        self.found.reasons["paginator"] = why
        return paginator

    def _cursor_param(self, first: Answer, said: dict[str, Any]) -> str:
        """The name under which the API takes its cursor."""
        value = _value(first, said)
        path = str(said.get("cursor_path") or said.get("cursor_key", ""))
        own = path.rpartition(".")[2].strip("'").removeprefix("X-").replace("-", "_").lower()
        names = dict.fromkeys((own.removeprefix("next_"), *CURSORS, own))
        return next((name for name in names if self._leads_on(first, {name: value})), "")

    def _leads_on(self, first: Answer, params: dict[str, Any]) -> Answer | None:
        """The answer, where most of its records are none of the first page; a few may repeat."""
        answer = self._tried(params)
        if answer and len({*answer.records} - {*first.records}) > OTHER * len(answer.records):
            return answer
        return None

    def _counted(
        self, first: Answer, ends: dict[str, Any], totals: dict[str, str]
    ) -> dict[str, Any]:
        """Offsets, or numbered pages."""
        size = len(first.records)
        if self._leads_on(first, {"offset": size}):
            said = {"type": "offset", "limit": size, "limit_param": self._limit(first), **ends}
            total = {"total_path": totals["offset"]} if "offset" in totals else {}
            return self._chosen(said | total, f"with offset = {size} other records come")
        if self._leads_on(first, {"page": 2}):
            found = totals.get("page_number") or totals.get("offset")
            total = {"total_path": found} if found else {}
            said = {"type": "page_number", "base_page": self._base(first), "page_param": "page"}
            return self._chosen(said | ends | total, "with page = 2 other records come")
        return {}

    def _base(self, first: Answer) -> int:
        """The number of the first page."""
        one, zero = self._tried({"page": 1}), self._tried({"page": 0})
        is_zero = zero is not None and zero.records == first.records
        return 0 if is_zero and not (one and one.records == first.records) else 1

    def _after_last(self, first: Answer, ends: dict[str, Any]) -> dict[str, Any]:
        """The last record's id, where the answer says that there is more."""
        if not ends:
            return {}
        for key, value in _ids(first):
            for name in LAST_IDS:
                if self._leads_on(first, {name: value}):
                    path = f"{first.selector.removeprefix('$')}[-1].{key}"
                    said = {"type": "cursor", "cursor_path": path, "cursor_param": name}
                    why = f"with {name} = the last record's {key} other records come"
                    return self._chosen(said | ends, why)
        return {}

    def _limit(self, first: Answer) -> str:
        """The name of how many records a page is to have; dlt's where none is seen to work."""
        for name in LIMITS:
            answer = self._tried({name: 1}) if len(first.records) > 1 else None
            if answer and answer.records == first.records[:1]:
                return name
        return LIMITS[0]


def _parsed(paginator: str) -> dict[str, Any]:
    """A paginator as a sign writes it."""
    try:
        found: dict[str, Any] = tomllib.loads(f"p = {paginator}")["p"]
    except tomllib.TOMLDecodeError:
        return {}
    return found


def _names_cursor(said: dict[str, Any]) -> bool:
    """Whether a paginator says where the cursor is."""
    return said.get("type") == "header_cursor" or (
        said.get("type") == "cursor" and "…" not in said["cursor_path"]
    )


def _value(answer: Answer, said: dict[str, Any]) -> Any:
    """The cursor that a paginator names."""
    if said["type"] == "header_cursor":
        return answer.headers[said["cursor_key"]]
    from dlt.common import jsonpath

    return jsonpath.find_values(said["cursor_path"], answer.body)[0]


def _ids(answer: Answer) -> Iterator[tuple[str, Any]]:
    """The last record's scalars, those called like an id first."""
    last = json.loads(answer.records[-1])
    plain = {k: v for k, v in last.items() if isinstance(v, str | int) and k.isidentifier()}
    ranked = sorted(plain.items(), key=lambda each: (not isinstance(each[1], int), each[0]))
    yield from sorted(ranked, key=lambda each: "id" not in each[0].lower())[:MOST_IDS]
