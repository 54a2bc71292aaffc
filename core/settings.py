"""The environment: `.env`, where this machine keeps its files, and the days asked for."""

from __future__ import annotations

import os
from pathlib import Path

from dotenv import load_dotenv

from core.days import DayRange, parse_range
from core.errors import UserError

ROOT = Path(__file__).resolve().parent.parent


def load_env() -> None:
    """Read `.env` beside the Makefile, or ENV_FILE. Variables that are already set win."""
    load_dotenv(os.environ.get("ENV_FILE") or ROOT / ".env")


def local_dir() -> Path:
    """The directory of everything this machine keeps: embedded server, working files, Dagster."""
    path = Path(os.environ.get("LOCAL_DIR") or ".local")
    return path if path.is_absolute() else ROOT / path


def optional_range() -> DayRange | None:
    """FROM and TO as a range, or None when neither is set. TO alone defaults to FROM.

    Raises:
        UserError: TO without FROM, a value that is no day, or TO before FROM.
    """
    first, last = os.environ.get("FROM", ""), os.environ.get("TO", "")
    if not first and not last:
        return None
    if not first:
        raise UserError(f"FROM is not set, but TO={last}: give the first day, FROM=YYYY-MM-DD")
    return parse_range(first, last or first)
