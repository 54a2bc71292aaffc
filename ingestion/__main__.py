"""`python -m ingestion …`: the commands that need neither dbt nor Dagster."""

import gc
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


sys.meta_path.insert(0, _NotInstalled)

from ingestion.cli import main  # noqa: E402

status = main()
# At its end Python looks through all that was imported and made for garbage: 0.24 of a small
# ingestion's 1.4 CPU seconds. What is frozen it leaves alone; atexit and coverage work as ever.
gc.freeze()
sys.exit(status)
