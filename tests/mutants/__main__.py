"""`make mutants`: faults, one at a time, in a copy of the checkout; do the tests notice?

Settings: N (40) faults, half in Python, half in SQL and macros; SEED, which is printed; FILES, a
pattern of paths (`dbt/**/*.sql`); JOBS (2) faults at a time, each in a copy of its own. Exits with
1 where fewer than 90 % are noticed.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from core.settings import ROOT
from tests.mutants.faults import Fault, faults_of
from tests.mutants.tests_of import table, tests_of

HOUSE = "alerts commands core ingestion ml orchestration reporting transform".split()
SHARE = 0.9
# A fault may also be that nothing ends. The tests of one take no longer than twice what all of them
# took on several workers; the machine may be busier than it was then.
SECONDS = 300
TIMES = 4
# What fails soonest first: a fault is noticed by the first test that fails.
SOONEST = ("tests/structure", "tests/unit", "tests/integration", "tests/dagster", "tests/e2e")


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


def run(checkout: Path, tests: list[str], *options: str, seconds: float | None = None) -> str:
    """What pytest says where tests fail, or do not end in so many seconds; "" where all pass."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, *tests]
    environment = {k: v for k, v in os.environ.items() if k not in ("N", "SEED", "FILES", "JOBS")}
    try:
        done = subprocess.run(
            command,
            cwd=checkout,
            env=environment | {"PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return f"no end in {seconds:.0f} s"
    return done.stdout + done.stderr if done.returncode else ""


def noticed_by(checkout: Path, fault: Fault, tests: list[str], seconds: float) -> str:
    """Which test fails with the fault in its file; "" for none. Then the file is as before."""
    file = checkout / fault.path
    before = file.read_text()
    file.write_text(fault.content)
    try:
        said = run(checkout, tests, "-x", seconds=seconds) if tests else ""
    finally:
        file.write_text(before)
    found = re.search(r"^(?:FAILED|ERROR) (\S+)", said, re.MULTILINE)
    return found[1] if found else said[-200:]


def survivors(tests: dict[Fault, list[str]], checkouts: list[Path], seconds: float) -> list[Fault]:
    """The faults that their tests do not notice, as many at a time as there are checkouts."""
    free: SimpleQueue[Path] = SimpleQueue()
    for checkout in checkouts:
        free.put(checkout)

    def survives(fault: Fault) -> bool:
        checkout = free.get()
        by = noticed_by(checkout, fault, tests[fault], seconds)
        free.put(checkout)
        print(f"noticed  {fault}  ({by})" if by else f"SURVIVED {fault}", flush=True)
        return not by

    with ThreadPoolExecutor(len(checkouts)) as threads:
        left = zip(tests, threads.map(survives, tests), strict=True)
        return [fault for fault, is_left in left if is_left]


def soonest_first(tests: list[str]) -> list[str]:
    """Test files in the order of SOONEST."""
    return sorted(tests, key=lambda test: [not test.startswith(folder) for folder in SOONEST])


def main() -> int:
    """The report; 1 where too few were noticed, 2 where the tests fail without a fault."""
    seed = os.environ.get("SEED") or str(random.SystemRandom().randrange(10_000))
    number = int(os.environ.get("N") or 40)
    jobs = int(os.environ.get("JOBS") or 2)
    print(f"SEED={seed} N={number}", flush=True)
    with tempfile.TemporaryDirectory(prefix="fact-events-mutants-") as folder:
        checkouts = [Path(folder, f"{job}") for job in range(jobs)]
        for checkout in checkouts:
            copy(checkout)
        pattern = os.environ.get("FILES") or "**/*"
        faults = sample(checkouts[0], random.Random(seed), number, pattern)  # noqa: S311
        rows = table(checkouts[0])
        tests = {fault: soonest_first(tests_of(fault.path, rows)) for fault in faults}
        used = sorted({test for each in tests.values() for test in each})
        spread = ["-n", f"{jobs}", "--dist", "loadfile", "--no-loadscope-reorder"]
        started = time.monotonic()
        said = run(checkouts[0], used, *spread)
        if said:
            print(f"error: without any fault the tests fail\n{said}", file=sys.stderr)
            return 2
        seconds = SECONDS + TIMES * (time.monotonic() - started)
        left = survivors(tests, checkouts, seconds)
    share = 1 - len(left) / max(1, len(faults))
    print(f"{share:.0%} of {len(faults)} faults were noticed")
    return int(share < SHARE)


if __name__ == "__main__":
    sys.exit(main())
