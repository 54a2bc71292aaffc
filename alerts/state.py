"""Who was told of what: a condition when it begins, again while it lasts, and when it is over.

The state is in raw.alerts, so that whoever dies between two looks forgets nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from alerts.conditions import FAILED_RUN, Condition
from alerts.send import Alert, channels, deliver
from alerts.settings import AlertSettings
from core.warehouse.connection import Warehouse


@dataclass(frozen=True)
class Row:
    """A row of raw.alerts."""

    kind: str
    subject: str
    since: datetime
    told: int
    told_at: datetime | None
    told_to: list[str]
    over_at: datetime | None

    @property
    def key(self) -> str:
        """The same for each try of one message, and for no other message."""
        number = "over" if self.over_at else self.told
        said = f"{self.kind}|{self.subject}|{self.since.timestamp()}|{number}"
        return sha256(said.encode()).hexdigest()[:32]


def tell(
    warehouse: Warehouse,
    found: Iterable[Condition],
    now: datetime,
    settings: AlertSettings,
    ended: Collection[str] = (),
) -> list[str]:
    """Send what is due of what is wrong, and of what is so no longer.

    Args:
        warehouse: where the state is.
        found: all that is wrong now.
        now: UTC.
        settings: the channels, and how often. Without a channel nothing is noted.
        ended: subjects of failed runs whose newest run has succeeded. Another that is not found is
            too old to be looked at: nobody knows that it is right again, and nobody is told so.

    Returns:
        A line for each message that could not be sent; it is tried again the next time.
    """
    if not channels(settings):
        return []
    wrong = {(each.kind, each.subject): each for each in found}
    with closing(warehouse.connect()) as db, db.cursor() as cursor:
        _note(cursor, wrong, now, ended)
        cursor.execute("select kind from raw.alert_silences where silenced_until > %s", (now,))
        silent = {kind for (kind,) in cursor.fetchall()}
        errors = []
        for row in _rows(cursor):
            if row.kind not in silent and _is_due(row, now, settings.every_hours):
                condition = wrong.get((row.kind, row.subject))
                errors += _send(cursor, row, _message(row, condition, settings), settings, now)
    return errors


def silence(warehouse: Warehouse, kind: str, until: datetime) -> None:
    """Tell nobody of a kind until then; what lasts longer is told after it."""
    with closing(warehouse.connect()) as db, db.cursor() as cursor:
        cursor.execute(
            """insert into raw.alert_silences (kind, silenced_until) values (%s, %s)
            on conflict (kind) do update set silenced_until = excluded.silenced_until""",
            (kind, until),
        )


def _rows(cursor: Any) -> list[Row]:
    cursor.execute(
        """select kind, subject, since, told, told_at, told_to, over_at
        from raw.alerts order by since, kind, subject"""
    )
    return [Row(*values) for values in cursor.fetchall()]


def _note(
    cursor: Any,
    wrong: Mapping[tuple[str, str], Condition],
    now: datetime,
    ended: Collection[str],
) -> None:
    """Bring raw.alerts to what is wrong now. Of what ended untold nothing stays."""
    for kind, subject in wrong:
        cursor.execute(
            """insert into raw.alerts (kind, subject, since) values (%s, %s, %s)
            on conflict (kind, subject) do update set over_at = null, told_to = '{}'
            where alerts.over_at is not null""",
            (kind, subject, now),
        )
    for row in _rows(cursor):
        if (row.kind, row.subject) in wrong or row.over_at:
            continue
        is_known = row.kind != FAILED_RUN or row.subject in ended
        if is_known and (row.told or row.told_to):
            cursor.execute(
                """update raw.alerts set over_at = %s, told_to = '{}'
                where kind = %s and subject = %s""",
                (now, row.kind, row.subject),
            )
        else:
            _delete(cursor, row)


def _is_due(row: Row, now: datetime, every_hours: int) -> bool:
    if row.over_at or row.told_at is None or row.told_to:
        return True
    return now - row.told_at >= timedelta(hours=every_hours)


def _message(row: Row, condition: Condition | None, settings: AlertSettings) -> Alert:
    lasts = f"since {row.since:%Y-%m-%d %H:%M} UTC"
    if condition is None:
        title, condition = "recovered", Condition(row.kind, row.subject, f"It was wrong {lasts}.")
    else:
        title = "still" if row.told else "wrong"
    return Alert(
        title=f"fact-events: {title}: {row.kind} of {row.subject}",
        owner=settings.owner,
        run_id=condition.run_id,
        reason=f"{condition.reason}\nWrong {lasts}." if not row.over_at else condition.reason,
        queries=condition.queries,
        kind=row.kind,
        subject=row.subject,
        state="recovered" if row.over_at else "wrong",
        days=condition.days,
        rows=condition.rows,
        key=row.key,
    )


def _send(
    cursor: Any, row: Row, message: Alert, settings: AlertSettings, now: datetime
) -> list[str]:
    """Send to the channels that have not got it yet, and note which have."""
    sent = deliver(message, settings, skip=row.told_to)
    errors = [error for error in sent.values() if error]
    if errors:
        told_to = [*row.told_to, *(name for name, error in sent.items() if not error)]
        cursor.execute(
            "update raw.alerts set told_to = %s where kind = %s and subject = %s",
            (told_to, row.kind, row.subject),
        )
    elif row.over_at:
        _delete(cursor, row)
    else:
        cursor.execute(
            """update raw.alerts set told = told + 1, told_at = %s, told_to = '{}'
            where kind = %s and subject = %s""",
            (now, row.kind, row.subject),
        )
    return errors


def _delete(cursor: Any, row: Row) -> None:
    cursor.execute(
        "delete from raw.alerts where kind = %s and subject = %s", (row.kind, row.subject)
    )
