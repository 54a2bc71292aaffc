"""`make forget USER=`: delete every trace of a user."""

from __future__ import annotations

import os
import sys

from core.command_line import run_command
from core.errors import UserError
from transform import retention


def forget() -> None:
    """Delete every trace of the user USER: raw, quarantine, profile history, facts.

    Every shell has a USER, the person at it: only the one on make's command line is meant.

    Raises:
        UserError: USER is not given, or the build failed.
    """
    user = os.environ.get("USER", "")
    if os.environ.get("USER_FROM") != "command line" or not user:
        raise UserError("USER is not given: name the user to forget, make forget USER=...")
    retention.forget(user)


if __name__ == "__main__":
    sys.exit(run_command(forget))
