"""A command from its start to its exit status."""

from __future__ import annotations

import sys
from collections.abc import Callable

from core.errors import UserError
from core.settings import load_env


def run_command(command: Callable[[], None]) -> int:
    """Run a command; a `UserError` becomes one line on stderr and exit status 2."""
    load_env()
    try:
        command()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0
