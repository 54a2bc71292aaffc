"""`make forget USER_ID=`: delete every trace of a user."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing

from commands.settings import USER_ID
from core.command_line import command, run_command
from core.errors import NotFound, UserError
from core.warehouse.audit import Counts
from core.warehouse.connection import Warehouse
from ingestion.known_as import KnownAs
from ingestion.settings import DRY

OUTSIDE = """\
Outside of this: backups, replicas and WAL archives of the server, copies and exports that others
made, and the source itself. What it delivers of the user again is left out."""


@command(USER_ID, DRY)
def forget() -> None:
    """Delete every trace of the user USER_ID: raw, quarantine, profile history, facts, Dagster,
    logs; and leave out what is delivered of them later.

    USER_ID is the id as the source delivers it, also where a mapping keeps a hash of it alone.
    Room by room, from where the records come from. One that was killed is finished by running it
    again.

    \f
    Raises:
        NotFound: there is no such user.
        UserError: USER_ID is not given, the build failed, or there are hashes of another key.
    """
    user = _user()
    from commands.receipt import print_counts, receipt
    from core.warehouse.server import warehouse
    from ingestion.forget import leave_out
    from ingestion.known_as import known_as
    from transform.build import prepare_warehouse

    found = warehouse()
    if not prepare_warehouse(found, DRY.read()):
        raise _unknown(user)
    person = known_as(found, user)
    there = _found(found, person)
    if DRY.read():
        print_counts(there, "Nothing was deleted (DRY); of this user there are", "rows")
        person.require_all()
        return
    user_hash = leave_out(found, user)
    with receipt(found, "forget", user_hash, f"Forgotten: the user with the hash {user_hash}") as r:
        for room, deleted in _forgotten(found, person.ids):
            r.add(room, deleted)
    _say_the_rest(found, person)


def _say_the_rest(found: Warehouse, person: KnownAs) -> None:
    """What lies beside the tables, and what nobody can tell or reach; UserError as `forget`."""
    from ingestion.forget import unattributed

    if files := _forgotten_in_files(person.ids):
        went = ", ".join(f"{number:,} {place}" for place, number in files.items())
        print(f"And of what programs have written on this machine: {went}.")
    if copies := _copies(found):
        print(f"Until they are built again, {copies} may have the user too (docs/dbt.md).")
    if nobodys := unattributed(found):
        print(f"{nobodys:,} quarantined records do not say whose they are, and stay.")
    print(OUTSIDE)
    person.require_all()


def _copies(found: Warehouse) -> str:
    """The schemas of developers, for people; empty where there are none."""
    from core.warehouse.target import developers

    with closing(found.connect()) as db:
        return ", ".join(f"the schemas {name}_…" for name in developers(db))


def _user() -> str:
    user = USER_ID.read()
    if not user:
        raise UserError("USER_ID is not set: name the user to forget, USER_ID=u17")
    try:
        user.encode()
    except UnicodeEncodeError:
        raise UserError("USER_ID is not UTF-8: no user_id in Postgres is like that") from None
    return user


def _found(found: Warehouse, person: KnownAs) -> Counts:
    """What there is of the user, by room; all of it only where nothing is to be done.

    Raises:
        NotFound: nothing, and nothing ever was.
    """
    from ingestion.forget import was_forgotten

    there: Counts = {}
    user = person.ids[0]
    for room, rows in _counted(found, person.ids):
        there[room] = rows
        if sum(rows.values()) and not DRY.read():
            return there  # to look through Dagster's history takes longest
    if not any(sum(rows.values()) for rows in there.values()) and not was_forgotten(found, user):
        raise _unknown(user)
    return there


def _unknown(user: str) -> NotFound:
    return NotFound(f"USER_ID={user!r} is unknown: no table, file or run has them")


def _counted(found: Warehouse, ids: Sequence[str]) -> Iterator[tuple[str, dict[str, int]]]:
    """What each room has of the user."""
    from ingestion.forget import count_user
    from orchestration import retention as orchestrated
    from transform import retention as transformed

    yield "ingestion", count_user(found, *ids)
    yield "transform", transformed.count_user(found, *ids)
    yield "orchestration", orchestrated.count_user(*ids)


def _forgotten(found: Warehouse, ids: Sequence[str]) -> Iterator[tuple[str, dict[str, int]]]:
    """Each room's part, when it is done."""
    from ingestion.forget import forget_user
    from orchestration import retention as orchestrated
    from transform import retention as transformed
    from transform.build_lock import build_lock

    with build_lock(found):
        yield "ingestion", forget_user(found, *ids)
    yield "transform", transformed.forget_user(found, *ids)
    yield "orchestration", orchestrated.forget_user(*ids)


def _forgotten_in_files(ids: Sequence[str]) -> dict[str, int]:
    from core.traces import remove_lines
    from core.warehouse.embedded import log_file
    from transform.retention import forget_in_files

    log = log_file()
    lines = sum(remove_lines(log, each) for each in ids) if log.exists() else 0
    of_postgres = {"lines of the embedded Postgres' log": lines} if lines else {}
    return of_postgres | forget_in_files(*ids)


if __name__ == "__main__":
    sys.exit(run_command(forget, prog="python -m commands.forget"))
