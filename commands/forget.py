"""`make forget USER_ID=`: delete every trace of a user."""

from __future__ import annotations

import sys

from commands.settings import USER_ID
from core.command_line import command, run_command
from core.errors import UserError


@command(USER_ID)
def forget() -> None:
    """Delete every trace of the user USER_ID: raw, quarantine, profile history, facts.

    \f
    Raises:
        UserError: USER_ID is not given, or the build failed.
    """
    user = USER_ID.read()
    if not user:
        raise UserError("USER_ID is not set: name the user to forget, USER_ID=u17")
    from transform import retention

    retention.forget(user)


if __name__ == "__main__":
    sys.exit(run_command(forget, prog="python -m commands.forget"))
