"""What analytics.event_days says of the days: out of date, red, owed a test, on older models."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256

from psycopg2 import sql

from core.days import DayRange
from core.errors import UserError
from core.settings import read_settings
from core.warehouse.connection import Warehouse
from core.warehouse.relation import Where, read
from core.warehouse.target import schema_of
from transform.settings import TransformSettings

_SHOWN = 5
DAYS_A_CHUNK = 31


@dataclass(frozen=True)
class State:
    """The built UTC days that are not right, each list by day.

    `failed`: a blocking test failed on what is in them. `owed`: one has not looked at it yet.
    `older`: other models built them than today's; `seconds`: what building those took. `reshaped`:
    the models whose tables have another key, or other columns, than they say:
    those are built anew whole.
    """

    failed: list[date]
    owed: list[date]
    older: list[date]
    seconds: float
    reshaped: list[str]

    def notes(self) -> list[str]:
        """What to say of them, a line each."""
        lines = []
        if self.owed:
            lines.append(
                f"{_days(self.owed)} of a test: the next builds test them, newest first, "
                "make test-data all at once"
            )
        if self.reshaped:
            lines.append(
                f"{', '.join(self.reshaped)}: other columns or another key in the table than in "
                "the model: make rebuild builds the whole table beside it"
            )
        if self.older:
            lines.append(
                f"{len(self.older)} days are on older models ({named(self.older)}): make rebuild "
                f"builds them anew, in about {_time(self.seconds)}"
            )
        return lines


def state(warehouse: Warehouse) -> State:
    """The built days that are not right.

    Raises:
        UserError: nothing was built yet, or not by this version.
    """
    with closing(warehouse.connect()) as db:
        known = read(db, f"{schema_of('analytics')}.event_days", "event_date")
        days = [day for day in known if day["built_at"]]
        if days and "tests_passed" not in days[0]:  # the view of the version before
            raise UserError("analytics.event_days knows no tests yet: run make transform")
        older = [day["event_date"] for day in days if day["is_on_current_model"] is False]
        return State(
            [day["event_date"] for day in days if day["tests_passed"] is False],
            [day["event_date"] for day in days if day["tests_passed"] is None],
            older,
            _seconds(db, older) if older else 0,
            reshaped(db),
        )


def reshaped(where: Where) -> list[str]:
    """The models whose tables were made in another shape than they have today."""
    models = read(where, f"{schema_of('intermediate')}.model_versions", "model")
    return [each["model"] for each in models if each["shape"] != each["table_shape"]]


def has_older_profiles(warehouse: Warehouse) -> bool:
    """Whether models of profiles have days of older ones, which the next build takes along."""
    with closing(warehouse.connect()) as db, db.cursor() as cursor:
        query = sql.SQL(
            """select exists (
                select from {state}.built_days as built
                inner join {state}.model_versions as today on built.model = today.model
                where kind = 'profile_date' and built.model_version != today.version
            )"""
        )
        cursor.execute(query.format(state=sql.Identifier(schema_of("intermediate"))))
        return cursor.fetchall() == [(True,)]


def failed_days(warehouse: Warehouse) -> list[date]:
    """The built days that a blocking test failed for; none before the first build."""
    try:
        return state(warehouse).failed
    except UserError:
        return []


def oldest_event_day(warehouse: Warehouse) -> date | None:
    """The first UTC day that has events, built or not; None where nothing has landed.

    Raises:
        UserError: the warehouse cannot be reached.
    """
    with closing(warehouse.connect()) as db, db.cursor() as cursor:
        cursor.execute("select to_regclass('raw.day_versions') is not null")
        if cursor.fetchall() != [(True,)]:
            return None
        cursor.execute("select min(day) from raw.day_versions where kind = 'event_date'")
        oldest: date | None = cursor.fetchall()[0][0]
        return oldest


def out_of_date(warehouse: Warehouse) -> dict[str, int | str]:
    """The event days that are not built as raw has them, or that a blocking test failed for, with
    their versions in raw.

    With REBUILD=auto also the newest of those on older models, as many as a chunk has; their
    version has the models in it.
    """
    try:
        days = read(warehouse, f"{schema_of('analytics')}.event_days", "event_date")
    except UserError:  # before the first build
        return {
            f"{row['day']}": row["version"] for row in read(warehouse, "raw.day_versions", "day")
        }
    found = {
        f"{d['event_date']}": d["raw_version"]
        for d in days
        if not d["is_up_to_date"] or d.get("tests_passed") is False
    }
    if read_settings(TransformSettings).rebuild != "auto":
        return found
    older = [d for d in days if d["is_up_to_date"] and d["is_on_current_model"] is False]
    models = read(warehouse, f"{schema_of('intermediate')}.model_versions", "model")
    today = sha256("".join(each["version"] for each in models).encode()).hexdigest()[:12]
    newest = older[-DAYS_A_CHUNK:]
    return found | {f"{d['event_date']}": f"{d['raw_version']} {today}" for d in newest}


def chunks(days: Iterable[date]) -> list[DayRange]:
    """Days as ranges of consecutive ones, the newest first, none longer than `DAYS_A_CHUNK`."""
    ranges: list[DayRange] = []
    for day in sorted(days, reverse=True):
        newest = ranges[-1] if ranges else None
        if newest and newest.start == day + timedelta(days=1) and len(newest) < DAYS_A_CHUNK:
            ranges[-1] = DayRange(day, newest.end)
        else:
            ranges.append(DayRange.of(day))
    return ranges


def named(days: list[date]) -> str:
    """Some of the days, for people."""
    shown = ", ".join(f"{day}" for day in days[:_SHOWN])
    return f"{shown}, …" if len(days) > _SHOWN else shown


def _seconds(where: Where, days: list[date]) -> float:
    """What all models took to build some days."""
    wanted = set(days)
    rows = read(where, f"{schema_of('intermediate')}.built_days", "day")
    return float(sum(row["seconds"] or 0 for row in rows if row["day"] in wanted))


def _days(days: list[date]) -> str:
    return f"{len(days)} day owes" if len(days) == 1 else f"{len(days)} days owe"


def _time(seconds: float) -> str:
    """A duration in whole seconds, minutes or hours, never none."""
    for length, unit in ((3600, "hour"), (60, "minute")):
        if seconds >= length:
            number = round(seconds / length)
            return f"{number} {unit}{'s' if number > 1 else ''}"
    return f"{max(round(seconds), 1)} s"
