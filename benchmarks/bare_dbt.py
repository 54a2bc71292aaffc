"""dbt in a process of its own that stays: `python -m benchmarks.bare_dbt ARGUMENTS`.

It imports dbt and nothing of this project, and has Python's own settings. For each line that it
reads it invokes dbt once, and writes `done` where dbt succeeded.
"""

import gc
import sys

from dbt.cli.main import dbtRunner

for _ in sys.stdin:
    outcome = dbtRunner().invoke([*sys.argv[1:], "--log-level", "none"])
    print("done" if outcome.success else outcome.exception or "failed", flush=True)
    gc.collect()  # or the next is charged with what this one has left
