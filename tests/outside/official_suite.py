"""`make test-dbt-adapters`: dbt-postgres' own functional tests, without and with our macros.

Settings: DBT_ADAPTERS, a checkout of the repository dbt-labs/dbt-adapters, of the installed version
of dbt-adapters; TESTS (`tests/functional`), which of dbt-postgres' tests; JOBS (2) at a time. Exits
with 1 where a test fails with our macros that passes without them, and BY_DESIGN has no reason.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

from core.command_line import run_command
from core.errors import UserError
from core.settings import ROOT
from tests.helpers.postgres import Server, tcp_server
from tests.outside.by_design import BY_DESIGN

MACROS = ROOT / "dbt" / "macros"
# Beside what the lock has; into a folder of the run's own.
PACKAGES = ["freezegun==1.5.5", "pytest-mock==3.17.0"]
# Each view of the suite by our materialization: as if it had asked for it.
VIEWS_ARE_STABLE = """{% materialization view, adapter='postgres' %}
    {{ return(build_stable_view()) }}
{% endmaterialization %}
"""
WAYS = {
    "as they are": [],
    "with our macros": ["strategies", "overrides", "ours/target.sql"],
    "and every view a stable_view": ["strategies", "overrides", "ours/target.sql", "stable"],
}
Outcomes = dict[str, str]


def checkout() -> Path:
    """The checkout that DBT_ADAPTERS names.

    Raises:
        UserError: there is none, or it is of another version than the installed packages.
    """
    given = os.environ.get("DBT_ADAPTERS", "")
    folder = Path(given)
    about = folder / "dbt-adapters" / "src" / "dbt" / "adapters" / "__about__.py"
    if not given or not about.is_file():
        raise UserError(f"DBT_ADAPTERS='{given}' is no checkout of dbt-labs/dbt-adapters: give one")
    installed = version("dbt-adapters")
    if f'version = "{installed}"' not in about.read_text():
        said = " ".join(about.read_text().split())
        raise UserError(
            f"DBT_ADAPTERS='{given}' has dbt-adapters {said}, installed is {installed}: "
            "check that version out there"
        )
    return folder


class Suite:
    """The suite, copied into a folder, and how it is run there."""

    def __init__(self, folder: Path, adapters: Path, server: Server) -> None:
        self.folder = folder
        of_postgres = adapters / "dbt-postgres"
        shutil.copytree(of_postgres / "tests", folder / "suite" / "tests")
        (folder / "suite" / "pytest.ini").write_text("[pytest]\n")
        shutil.copy2(Path(__file__).parent / "suite_plugin.py", folder)
        uv = [f"{Path(sys.executable).parent / 'uv'}", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*uv, "--target", f"{folder / 'packages'}", *PACKAGES], check=True)
        setup = (of_postgres / "scripts" / "setup_test_database.sql").read_text()
        for statement in filter(str.strip, setup.split(";")):
            server.execute(statement)
        places = [folder, folder / "packages", adapters / "dbt-tests-adapter" / "src"]
        self.settings = os.environ | {
            "PYTHONPATH": os.pathsep.join(map(str, places)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "POSTGRES_TEST_HOST": "127.0.0.1",
            "POSTGRES_TEST_PORT": server.port,
            **{f"DBT_TEST_USER_{n}": f"dbt_test_user_{n}" for n in (1, 2, 3)},
        }

    def macros(self, way: str) -> str:
        """The folder of those that a way adds; '' of none."""
        folder = self.folder / re.sub("[^a-z]", "_", way)
        for part in WAYS[way]:
            source = MACROS / part
            if part == "stable":
                (folder / "stable.sql").write_text(VIEWS_ARE_STABLE)
            elif source.is_dir():
                shutil.copytree(source, folder / part, dirs_exist_ok=True)
            else:
                shutil.copy2(source, folder)
        return str(folder) if WAYS[way] else ""

    def run(self, way: str, tests: list[str]) -> Outcomes:
        """Run them; of every test what became of it: passed, skipped, failed."""
        report = self.folder / "report.xml"
        arguments = ["-p", "suite_plugin", "-p", "no:cacheprovider", "-q", "--tb=short"]
        arguments += ["-n", os.environ.get("JOBS") or "2", "--dist", "loadfile"]
        arguments += [f"--junitxml={report}", f"--basetemp={self.folder / 'tmp'}"]
        settings = self.settings | {"OUR_MACROS": self.macros(way)}
        subprocess.run(
            [sys.executable, "-m", "pytest", *arguments, *tests],
            cwd=self.folder / "suite",
            env=settings,
            stdout=(self.folder / f"{len(way)}.log").open("w"),
            check=False,
        )
        return outcomes(report)


def outcomes(report: Path) -> Outcomes:
    """By test, as pytest names it, what a JUnit report says."""
    found: Outcomes = {}
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 (pytest has written it)
        file, _, inside = case.attrib["classname"].rpartition(".Test")
        names = [f"Test{inside}"] if file else []
        path = (file or case.attrib["classname"]).replace(".", "/") + ".py"
        name = "::".join([path, *names, case.attrib["name"]])
        failed = case.find("failure") is not None or case.find("error") is not None
        skipped = case.find("skipped") is not None
        # A test that fails and whose teardown fails too is there twice.
        if found.get(name) != "failed":
            found[name] = "failed" if failed else "skipped" if skipped else "passed"
    return found


def figures(found: Outcomes) -> str:
    """How many of each."""
    return ", ".join(
        f"{list(found.values()).count(word)} {word}" for word in ("passed", "failed", "skipped")
    )


def worse(before: Outcomes, now: Outcomes) -> list[str]:
    """What passes without our macros, and not with them."""
    return sorted(
        name
        for name, was in before.items()
        if was == "passed" and now.get(name) != "passed" and name not in BY_DESIGN
    )


def main() -> int:
    """Run the suite each way, and compare."""
    adapters, tests = checkout(), (os.environ.get("TESTS") or "tests/functional").split()
    status = 0
    folder = Path(tempfile.mkdtemp(prefix="fact-events-official-"))
    folder.chmod(0o755)  # as root, the server is another account
    with tcp_server(folder) as server:
        suite = Suite(folder, adapters, server)
        plain: Outcomes = {}
        for way in WAYS:
            began = time.monotonic()
            found = suite.run(way, tests)
            print(f"{way}: {figures(found)} ({time.monotonic() - began:.0f} s)", flush=True)
            plain = plain or found
            failing = worse(plain, found)
            # Some of the suite's own tests depend on their order, or on the time of day.
            again = suite.run(way, failing) if failing else {}
            for name in worse(plain | dict.fromkeys(failing, "passed"), again) if failing else []:
                if name in failing:
                    status = 1
                    print(f"  fails with our macros alone: {name}")
    if status:
        print(f"what they say: {folder}")
    else:
        shutil.rmtree(folder)
    return status


if __name__ == "__main__":
    sys.exit(run_command(main, [], prog="python -m tests.outside.official_suite"))
