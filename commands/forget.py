"""`make forget USER_ID=`: delete every trace of a user."""

from __future__ import annotations

import sys
from contextlib import closing

from commands.settings import USER_ID
from core.command_line import command, run_command
from core.errors import UserError


@command(USER_ID)
def forget() -> None:
    """Delete every trace of the user USER_ID: raw, quarantine, profile history, facts, Dagster.

    Room by room, from where the records come from. One that was killed is finished by running it
    again.

    \f
    Raises:
        UserError: USER_ID is not given, or the build failed.
    """
    user = USER_ID.read()
    if not user:
        raise UserError("USER_ID is not set: name the user to forget, USER_ID=u17")
    from commands.receipt import receipt
    from core.warehouse.server import warehouse
    from ingestion.land import retention as landed
    from orchestration import retention as orchestrated
    from transform import retention as transformed
    from transform.build import prepare_warehouse
    from transform.build_lock import build_lock

    found = warehouse()
    prepare_warehouse(found)
    with receipt(f"Forgotten: {user}") as deleted:
        with build_lock(found), closing(found.connect()) as db:
            deleted["ingestion"] = landed.forget_user(db, user)
        deleted["transform"] = transformed.forget_user(found, user)
        deleted["orchestration"] = orchestrated.forget_user(user)


if __name__ == "__main__":
    sys.exit(run_command(forget, prog="python -m commands.forget"))
