"""Whether anything is left for `make transform` to do: what the last one left, untouched since.

dbt needs three seconds to find that out, the ledger and Postgres' own counters a tenth of one.
"""

from __future__ import annotations

from contextlib import closing
from hashlib import sha256

from psycopg2.extensions import connection as Connection

from core.migrations import prepare
from core.settings import read_settings
from core.warehouse.connection import Warehouse
from core.warehouse.marks import mark, set_mark
from core.warehouse.target import is_dev
from transform.event_days import state
from transform.project import has_own_files, project_digest
from transform.settings import TransformSettings
from transform.touched import touched

_MARK = ("settled", "fact_events")


def settled(warehouse: Warehouse) -> str:
    """What `make transform` says where it has nothing to do; "" where dbt has to look.

    Models and tests of the user's own may read anything: with them, dbt always looks.

    Raises:
        UserError: nothing could be built there.
    """
    if is_dev() or has_own_files():
        return ""
    with closing(warehouse.connect()) as db:
        prepare(db, is_dry=False)
        noted = mark(db, *_MARK)
        if noted is None or noted != _fingerprint(db):
            return ""
    said = "nothing to do: all days are built and tested as raw has them"
    return "\n".join([said, *state(warehouse).notes()])


def note_settled(warehouse: Warehouse) -> None:
    """Note that a build of all that was out of date has succeeded, and warned of nothing."""
    left = state(warehouse)
    if is_dev() or left.failed or left.owed or left.reshaped:
        return
    if left.older and read_settings(TransformSettings).rebuild == "auto":
        return
    with closing(warehouse.connect()) as db:
        if found := _fingerprint(db):
            set_mark(db, *_MARK, found)


def _fingerprint(db: Connection) -> str | None:
    """Of the tables, the project and the settings that tests read."""
    found = touched(db)
    settings = read_settings(TransformSettings)
    asked = f"{settings.max_unknown_users} {settings.rebuild} {project_digest(with_tests=True)}"
    return found and sha256(f"{found} {asked}".encode()).hexdigest()
