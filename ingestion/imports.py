"""Packages that ingestion does without, and others import where they find them."""

from __future__ import annotations

import sys


class _NotInstalled:
    """pyarrow imports pandas and NumPy where they are installed, in case it is given their data,
    which it is not here: half of a small ingestion's time (0.8 s and 0.1 s of 1.9). For URLs dlt
    takes SQLAlchemy, or its own code where that is not installed (0.06 s). None in sys.modules says
    the same to Python, not to pyarrow, which is compiled: its import takes the None for the module,
    and fails."""

    @staticmethod
    def find_spec(name: str, path: object, target: object = None) -> None:
        if name in ("numpy", "pandas", "sqlalchemy"):
            raise ModuleNotFoundError(f"{name} is not for ingestion", name=name)


def leave_out() -> None:
    """From now on they seem not to be installed."""
    sys.meta_path.insert(0, _NotInstalled)


def let_in() -> None:
    """A resource of dlt may need them: it may read a database, or yield frames. To be called before
    anything imports pyarrow, which looks for them once."""
    if _NotInstalled in sys.meta_path:
        sys.meta_path.remove(_NotInstalled)
