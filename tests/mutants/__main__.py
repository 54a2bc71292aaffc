"""`make mutants`: faults, one at a time, in a copy of the checkout; do the tests notice?

Settings: N (40) faults, half in Python, half in SQL and macros; SEED, which is printed; FILES, a
pattern of paths (`dbt/**/*.sql`). Exits with 1 where fewer than 90 % are noticed.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from core.settings import ROOT
from tests.mutants.faults import Fault, faults_of
from tests.mutants.tests_of import table, tests_of

HOUSE = "alerts commands core ingestion ml orchestration reporting transform".split()
SHARE = 0.9
SECONDS = 900  # a fault may also be that nothing ends


def copy(to: Path) -> None:
    """The checkout as it is, also what is not committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    (to / ".venv").symlink_to(ROOT / ".venv")


def sample(checkout: Path, rng: random.Random, number: int, pattern: str) -> list[Fault]:
    """So many faults, half of them in Python where there is as much of both; no file's are many."""
    found = [path.relative_to(checkout) for path in checkout.glob(pattern)]
    groups = {
        ".py": [path for path in found if path.parts[0] in HOUSE],
        ".sql": [path for path in found if path.parts[0] in ("dbt", "core")],
    }
    chosen: list[Fault] = []
    for suffix, paths in groups.items():
        files = sorted(path for path in paths if path.suffix == suffix)
        lines = [len((checkout / path).read_text().splitlines()) for path in files]
        wanted = number // 2 if all(groups.values()) else number
        while any(lines) and wanted > 0:
            [path] = rng.choices(files, lines)
            made = [fault for fault in faults_of(checkout, path) if fault not in chosen]
            if not made:
                lines[files.index(path)] = 0
            else:
                chosen.append(rng.choice(made))
                wanted -= 1
    return chosen


def run(checkout: Path, tests: list[str]) -> int:
    """pytest's exit status; 1 where it does not come to an end."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = {k: v for k, v in os.environ.items() if k not in ("N", "SEED", "FILES")}
    try:
        done = subprocess.run(
            command,
            cwd=checkout,
            env=environment | {"PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            check=False,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return 1
    return done.returncode


def is_noticed(checkout: Path, fault: Fault, tests: list[str]) -> bool:
    """With the fault in its file, do the tests fail? The file is as before afterwards."""
    file = checkout / fault.path
    before = file.read_text()
    file.write_text(fault.content)
    try:
        return run(checkout, tests) != 0
    finally:
        file.write_text(before)


def main() -> int:
    """The report; 1 where too few were noticed, 2 where the tests fail without a fault."""
    seed = os.environ.get("SEED") or str(random.SystemRandom().randrange(10_000))
    number = int(os.environ.get("N") or 40)
    print(f"SEED={seed} N={number}", flush=True)
    with tempfile.TemporaryDirectory(prefix="fact-events-mutants-") as folder:
        checkout = Path(folder)
        copy(checkout)
        pattern = os.environ.get("FILES") or "**/*"
        faults = sample(checkout, random.Random(seed), number, pattern)  # noqa: S311
        rows = table(checkout)
        tests = {fault: tests_of(fault.path, rows) for fault in faults}
        used = sorted({test for each in tests.values() for test in each})
        if run(checkout, used) != 0:
            print(f"error: without any fault these fail: {' '.join(used)}", file=sys.stderr)
            return 2
        survivors = []
        for fault in faults:
            noticed = is_noticed(checkout, fault, tests[fault])
            print(f"{'noticed ' if noticed else 'SURVIVED'} {fault}", flush=True)
            if not noticed:
                survivors.append(fault)
    share = 1 - len(survivors) / max(1, len(faults))
    print(f"{share:.0%} of {len(faults)} faults were noticed")
    return int(share < SHARE)


if __name__ == "__main__":
    sys.exit(main())
