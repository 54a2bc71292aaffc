"""What the user can set of the comparison of two tables."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from core.errors import UserError
from core.settings import Setting
from core.values import Text, Words

_URL = re.compile(r"(?P<place>postgres(?:ql)?://[^?]*)/(?P<table>[^/?]+)(?P<query>\?.*)?")
_KEYWORDS = re.compile(r"(?P<place>.*\S)/(?P<table>[^/]+)(?P<query>)")
_TABLE = re.compile(r"[^./\s]+\.[^./\s]+")


@dataclass(frozen=True)
class TableAt:
    """A table or view `schema.name`, and the server: libpq's URL or keywords, empty for the
    warehouse of the other commands. It may hold a password."""

    table: str
    dsn: str = field(default="", repr=False)


@dataclass(frozen=True)
class Address:
    """Where a table is."""

    words: str = "schema.table, after a libpq URL or keywords and a / where it is elsewhere"

    def __call__(self, name: str, text: str) -> TableAt:
        """The table and its server; UserError where the text has no schema.table at its end."""
        if not text:
            return TableAt("")
        found = _URL.fullmatch(text) or _KEYWORDS.fullmatch(text)
        table = found["table"] if found else text
        if not _TABLE.fullmatch(table):
            raise UserError(f"{name}={text!r} is not {self.words}")
        return TableAt(table, f"{found['place']}{found['query'] or ''}" if found else "")


@dataclass(frozen=True)
class Columns(Words):
    """Names of columns, or nothing."""

    words: str = "columns, comma separated"

    def __call__(self, name: str, text: str) -> tuple[str, ...]:
        """The names; UserError where one is empty or there twice."""
        return super().__call__(name, text) if text else ()


@dataclass(frozen=True)
class CompareSettings:
    """Two tables, and how their rows are told apart."""

    left: TableAt = Setting(
        "LEFT",
        Address(),
        "For compare: the table that is right, or the older one.",
        example="postgresql://reader@old-server/events/public.fact_events",
    ).field()
    right: TableAt = Setting(
        "RIGHT",
        Address(),
        "For compare: the table that it is compared with.",
        example="analytics.fact_events",
    ).field()
    key: tuple[str, ...] = Setting(
        "KEY",
        Columns(),
        "For compare: what makes a row of a day one of its own.",
        example="user_id,event_id",
    ).field()
    day_column: str = Setting(
        "DAY_COLUMN",
        Text("a column of dates or timestamps"),
        "For compare: whose UTC day is compared.",
        default="event_date",
    ).field()
    receipt_column: str = Setting(
        "RECEIPT_COLUMN",
        Text("a column of dates or timestamps"),
        "For compare: when a row was received; one later than its day is a late one. "
        "Not set: ingest_date, ingested_at, received_at or their like, where there is one.",
        example="received_at",
    ).field()
    ignore: tuple[str, ...] = Setting(
        "IGNORE",
        Columns(),
        "For compare: columns that are not compared, such as when a row was written.",
        default="loaded_at,_dlt_load_id,_dlt_id",
    ).field()
    report: str = Setting(
        "REPORT",
        Text("a file"),
        "For compare: where the report is written; not set: standard output.",
        example="compare.md",
    ).field()

    def __post_init__(self) -> None:
        for name, value in (("LEFT", self.left.table), ("RIGHT", self.right.table)):
            if not value:
                raise UserError(f"{name} is not set: give a table, [libpq URL/]schema.table")
        if not self.key:
            raise UserError("KEY is not set: give the columns that tell the rows of a day apart")
