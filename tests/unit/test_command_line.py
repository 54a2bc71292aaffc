"""The command lines: their help, options over the environment, one line for what is wrong."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from core.errors import SECRETS
from core.settings import ROOT, load_env
from tests.helpers.processes import run_fresh

INGEST = "FROM TO SOURCE MAPPING EVENTS_URL PROFILES_URL SOURCE_NAME RESOURCE".split()
INGEST += ["API_CONCURRENCY", "MAX_QUARANTINED", "EVENT_TS_MIN", "FORCE", "DRY"]
SAMPLED = "FROM TO SOURCE MAPPING EVENTS_URL PROFILES_URL SOURCE_NAME RESOURCE EVENT_TS_MIN".split()
SOURCES = [name for name in INGEST if name not in ("FROM", "TO")]
BUILT = ["FROM", "TO", "MAX_UNKNOWN_USERS", "SWAP_WAIT"]
COMPARE = [
    *("LEFT", "RIGHT", "KEY", "DAY_COLUMN", "RECEIPT_COLUMN", "IGNORE", "REPORT"),
    *("FROM", "TO", "JSON"),
]
CODE_SERVER = ["CODE_SERVER_HOST", "CODE_SERVER_PORT"]
UI = ["UI_PORT", "UI_HOST", "UI_READ_ONLY", "UI_USER_HEADER"]
PROGRAMS = {
    "ingestion": [],
    "ingestion ingest": [*INGEST, "JSON"],
    "ingestion mapping-draft": SAMPLED,
    "ingestion mapping-check": SAMPLED,
    "ingestion replay": ["REASON", "MAPPING", "EVENT_TS_MIN", "DRY"],
    "ingestion retract": ["UNIT", "MAPPING", "DRY"],
    "ingestion up": [],
    "ingestion down": [],
    "ingestion reset": [],
    "ingestion psql": [],
    "ingestion demo-api": ["DEMO_API_PORT"],
    "ingestion demo-files": [],
    "transform": BUILT,
    "transform.docs": [],
    "transform.rebuild": BUILT,
    "transform.test_data": ["FROM", "TO"],
    "reporting": [],
    "reporting.compare": COMPARE,
    "alerts": [],
    "alerts test": [],
    "alerts silence": ["ALERT", "HOURS"],
    "orchestration.backfill": INGEST,
    "orchestration.ui": UI,
    "orchestration.serve": [],
    "orchestration.serve init": [],
    "orchestration.serve code-server": CODE_SERVER,
    "orchestration.serve daemon": CODE_SERVER,
    "orchestration.serve webserver": [*CODE_SERVER, *UI],
    "commands.main_job": [],
    "commands.doctor": [],
    "commands.follow": [*SOURCES, "FOLLOW_DAYS", "FOLLOW_SECONDS", *BUILT[2:]],
    "commands.forget": ["USER_ID", "DRY"],
    "commands.prune": ["KEEP_DAYS", "DRY"],
    "commands.reference": [],
    "commands.roles": ["ROLE_PREFIX", "DRY"],
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_shows_every_option_with_its_variable(program):
    done = run_fresh(*program.split(), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: python -m {program} [OPTIONS]")
    text = re.sub(r"\s+", " ", done.stdout)
    assert re.findall(r"env var: (\w+)", text) == PROGRAMS[program]
    for name in PROGRAMS[program]:
        assert f"--{name.lower().replace('_', '-')} {name}" in text
    assert not any(name in text for name in SECRETS)


def test_help_shows_defaults():
    text = re.sub(r"\s+", " ", run_fresh("ingestion", "ingest", "--help").stdout)
    assert "[env var: MAPPING; default: canonical]" in text
    assert "[env var: MAX_QUARANTINED; default: 0.5]" in text
    assert "[env var: EVENTS_URL]" in text


def test_every_module_that_is_run_has_its_help_tested():
    run_by_make = set(re.findall(r"\$\(RUN\) (\w[\w.]*)", (ROOT / "Makefile").read_text()))
    of_others = {"transform.dbt", "orchestration.dagster_command"}  # whose help is theirs
    of_developers = {"pytest", "benchmarks", "benchmarks.plots", *of_others}
    other = {name for name in run_by_make if name.startswith("tests.")}
    assert {program.split()[0] for program in PROGRAMS} == run_by_make - of_developers - other


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "Missing command. See --help."),
        ("ingests", "No such command 'ingests'. Did you mean 'ingest'? See --help."),
        ("ingest --form 2026-01-01", "No such option '--form'."),
        ("ingest --from", "Option '--from' requires an argument. See --help."),
        ("ingest 2026-01-01", "Got unexpected extra argument (2026-01-01) See --help."),
        ("ingest https://me:pw@x/y", "Got unexpected extra argument (https://***@x/y) See --help."),
        ("ingest --events-api-token t", "No such option '--events-api-token'."),
        ("ingest", "FROM is not set: "),
        ("ingest --from 2026-02-30", "FROM='2026-02-30' is not a day: write it as YYYY-MM-DD"),
        ("ingest --from 2026-01-01 --source ftp", "SOURCE='ftp' is unknown: use one of api, files"),
        ("replay --reason rain", "REASON='rain' is unknown: use one of "),
        ("demo-api --demo-api-port -1", "DEMO_API_PORT='-1' is not a port, 0 to 65535"),
    ],
)
def test_what_is_wrong_is_one_line(arguments, message):
    done = run_fresh("ingestion", *arguments.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("transform --from x", "FROM='x' is not a day: write it as YYYY-MM-DD"),
        ("transform x", "Got unexpected extra argument (x) See --help."),
        ("orchestration.backfill", "FROM is not set: "),
        ("orchestration.ui --ui-port x", "UI_PORT='x' is not a port, 1 to 65535"),
        ("commands.prune --keep-days 0", "KEEP_DAYS='0' is not a number of days: give 1 or more"),
        ("commands.prune --keep-days=-1", "KEEP_DAYS='-1' is not a number of days: "),
        ("commands.prune --keep-days all", "KEEP_DAYS='all' is not a number of days: "),
        ("commands.prune --keep-days 1e3", "KEEP_DAYS='1e3' is not a number of days: "),
        ("commands.prune --keep-days 9999999", "KEEP_DAYS=9999999 reaches back before the "),
        (f"commands.prune --keep-days {2**64}", f"KEEP_DAYS='{2**64}' is not a number of days: "),
        ("commands.forget", "USER_ID is not set: "),
        ("commands.forget --user u17", "No such option '--user'."),
    ],
)
def test_other_programs_too(program, message):
    done = run_fresh(*program.split(), USER="u17")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1


def test_an_option_wins_over_the_environment_and_that_over_env_file(tmp_path):
    env_file = tmp_path / "settings"
    env_file.write_text("FROM=file\nTO=file\nSOURCE=file\n")
    given = {"ENV_FILE": str(env_file), "FROM": "environment"}
    for arguments, named in (
        ([], "FROM='environment'"),
        (["--from", "option"], "FROM='option'"),
        (["--from", "2026-01-01"], "TO='file'"),
        (["--from", "2026-01-01", "--to", ""], "SOURCE='file'"),
    ):
        done = run_fresh("ingestion", "ingest", *arguments, **given)
        assert done.stderr.startswith(f"error: {named} is "), done.stderr


def test_a_wrong_option_imports_nothing_heavy():
    heavy = ("duckdb", "pyarrow", "dlt", "psycopg2", "requests", "rich", "dagster", "dbt")
    program = (
        "import sys; from ingestion.cli import main; status = main(['ingest', '--from', 'x']); "
        f"print(status, [name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "2 []\n", done.stderr


def test_ingestion_does_not_import_pandas_along_with_pyarrow():
    program = (
        "import runpy, sys; sys.argv[1:] = ['--help']\n"
        "try: runpy.run_module('ingestion', run_name='__main__')\n"
        "except SystemExit as end: assert end.code == 0\n"
        "import pyarrow; pyarrow.array(['a']); print([n for n in sys.modules if 'pandas' in n])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.endswith("\n[]\n"), done.stderr


def make(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        env=clean | settings,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("user", ["u$1", "u$$1", "$(shell id)", "${HOME}", 'o\'x "y"', "a#b"])
def test_make_takes_what_is_given_as_it_is(user, tmp_path):
    """`u$1` is not the user "u"."""
    shows = tmp_path / "shows.mk"
    shows.write_text("shows:\n\t@printenv USER_ID\n")
    shown = make("-f", "Makefile", "-f", str(shows), "shows", f"USER_ID={user}")
    assert shown.stdout == f"{user}\n", shown.stderr


def test_a_value_of_the_env_file_is_what_is_written(tmp_path, monkeypatch, capfd):
    written = "a$b${HOME}$(id)"
    (tmp_path / ".env").write_text(f"EVENTS_API_TOKEN={written}\n")
    monkeypatch.setenv("ENV_FILE", str(tmp_path / ".env"))
    monkeypatch.setenv("PGPASSWORD", "with a line end\r\n")
    monkeypatch.delenv("EVENTS_API_TOKEN", raising=False)
    load_env()
    assert os.environ.pop("EVENTS_API_TOKEN") == written
    assert os.environ["PGPASSWORD"] == "with a line end"
    assert capfd.readouterr().err == "PGPASSWORD: the line end around it is left out\n"


def test_make_refuses_the_old_word_for_a_user():
    refused = make("--old-file=install", "forget", "USER=o'x \"17", USER="me")
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[0] == (
        "error: USER=o'x \"17 is no setting of forget: give USER_ID=o'x \"17"
    )
    assert refused.stdout == ""
    # Of the shell's USER it does not speak.
    asked = make("--old-file=install", "forget", f"BIN={Path(sys.executable).parent}", USER="me")
    assert asked.stderr.splitlines()[0].startswith("error: USER_ID is not set: ")


def test_make_refuses_a_user_whose_blank_it_drops():
    """`USER_ID=" 17"` was 17 to make, who is somebody else: they would have been forgotten."""
    there = ("--old-file=install", "forget", f"BIN={Path(sys.executable).parent}", "DRY=1")
    refused = make(*there, "USER_ID= 17")
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[0] == (
        "error: USER_ID begins with a blank, which make drops from its arguments: "
        "USER_ID=' 17' make forget"
    )
    asked = make(*there, PGHOST="127.0.0.1", PGPORT="1", USER_ID=" 17")
    assert "begins with a blank" not in asked.stderr
    assert "127.0.0.1" in asked.stderr.splitlines()[0], "it went on, to a server that is not there"
    last = make(*there, "USER_ID=17 ", PGHOST="127.0.0.1", PGPORT="1")
    assert "127.0.0.1" in last.stderr.splitlines()[0]


@pytest.mark.parametrize("version", ["3.10.12", "3.14.0", "3.15.1"])
def test_make_refuses_a_python_that_cannot_do(version, tmp_path):
    python = tmp_path / "python"
    numbers = f"({version.replace('.', ', ')})"
    python.write_text(
        f"#!/bin/sh\n"
        f'if [ "$1" = --version ]; then echo Python {version}; exit; fi\n'
        f'[ "$1" = -c ] && exec {sys.executable} -c "import sys; sys.version_info = {numbers}; '
        '$2"\n'
        f"touch {tmp_path}/went-on\n"
    )
    python.chmod(0o755)
    done = make("install", f"VENV={tmp_path}/venv", f"PYTHON={python}")
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert lines == [
        f"error: PYTHON={python} is Python {version}: Python 3.11, 3.12 or 3.13 is needed"
    ]
    assert not (tmp_path / "went-on").exists()


def test_make_takes_the_pythons_that_can(tmp_path):
    found = import_module("tomllib").loads((ROOT / "pyproject.toml").read_text())
    assert found["project"]["requires-python"] == ">=3.11,<3.14"
    for version in ("3.11.0", "3.13.9"):
        code = re.search(r"-c '(import sys;[^']*)'", (ROOT / "Makefile").read_text())
        assert code
        numbers = f"({version.replace('.', ', ')})"
        program = f"import sys; sys.version_info = {numbers}; {code[1]}"
        assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
