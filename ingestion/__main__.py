"""`python -m ingestion …`: the commands that need neither dbt nor Dagster."""

import gc
import logging
import os
import sys
from importlib.abc import MetaPathFinder


class _WithoutUnused(MetaPathFinder):
    """pyarrow and dlt import pandas where it is installed, in case they are given its frames, which
    they are not here: it would be a third of a small ingestion's time (0.8 s of 2.6). For URLs dlt
    takes SQLAlchemy, or its own code where that is not installed (0.06 s)."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        if fullname in ("pandas", "sqlalchemy"):
            raise ModuleNotFoundError(f"{fullname} is not for ingestion", name=fullname)


sys.meta_path.insert(0, _WithoutUnused())
# Importing makes a million objects that stay: looking for garbage after each 700 is a tenth of it.
gc.set_threshold(50_000)

from ingestion.cli import main  # noqa: E402

status = main()
# Not sys.exit: freeing what was imported and made, object by object, is 0.16 s of a small
# ingestion's 0.9 s. What has to be closed is closed: it was opened in a `with`.
logging.shutdown()
sys.stdout.flush()
sys.stderr.flush()
os._exit(status)
