"""Settings: what is declared, what is written down and what the code reads are the same."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from commands.reference import ROOMS, files
from core.errors import SECRETS
from core.settings import ROOT, declared_in

SETTINGS = {s.name: s for room in ROOMS for s in declared_in(import_module(f"{room}.settings"))}
# Whose variables we read besides: libpq's in core/warehouse, the AWS SDKs', the desktop's.
OF_OTHERS = ("PG", "AWS_", "XDG_")


def code() -> list[Path]:
    return [path for room in (*ROOMS, "ml") for path in (ROOT / room).rglob("*.py")]


def is_environ(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")


def read_in(tree: ast.AST) -> Iterator[str]:
    """The names of variables that a module reads by itself; "" where the name is no literal."""
    for node in ast.walk(tree):
        name: ast.AST | None = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            is_get = node.func.attr == "get" and is_environ(node.func.value)
            name = node.args[0] if is_get or node.func.attr == "getenv" else None
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            name = node.slice if is_environ(node.value) else None
        elif isinstance(node, ast.Compare) and any(map(is_environ, node.comparators)):
            name = node.left
        if name is not None:
            yield f"{name.value}" if isinstance(name, ast.Constant) else ""


@pytest.mark.parametrize("path", [".env.example", "docs/settings.md"])
def test_what_is_written_down_is_what_is_declared(path):
    assert (ROOT / path).read_text() == files()[path], "make settings writes it anew"


def test_every_room_that_declares_settings_is_written_down():
    assert {path.parent.name for path in ROOT.glob("*/settings.py")} == set(ROOMS)


def test_a_variable_is_declared_in_one_room():
    names = [s.name for room in ROOMS for s in declared_in(import_module(f"{room}.settings"))]
    assert sorted(names) == sorted(set(names))
    assert len(names) > 40


def test_nothing_else_reads_a_variable():
    found = {
        (str(path.relative_to(ROOT)), name)
        for path in code()
        for name in read_in(ast.parse(path.read_text()))
        if not name.startswith(OF_OTHERS)
    }
    # What hides secrets; what a mapping names as env:…; whether there is one; what a benchmark was
    # told, for its report; all that libpq would read; what make doctor shows of all; which secrets
    # are in files.
    assert found == {
        ("core/errors.py", ""),
        ("core/settings.py", ""),
        ("ingestion/mapping/templates.py", ""),
        ("benchmarks/measure.py", ""),
        ("commands/doctor.py", ""),
        ("core/warehouse/embedded.py", ""),
        ("core/warehouse/server.py", ""),
    }


def test_a_reading_of_a_variable_is_noticed():
    text = 'os.environ.get("A"); os.environ["B"]; os.getenv("C"); "D" in os.environ; environ[E]'
    tree = ast.parse(f"{text}; os.environ[F]; os.environ['G'] = 1; env.get('H')")
    assert sorted(read_in(tree)) == ["", "A", "B", "C", "D"]


def test_what_dbt_and_dagster_read_is_declared():
    files = [*(ROOT / "dbt").rglob("*.sql"), ROOT / "dbt" / "dbt_project.yml"]
    text = "".join(path.read_text() for path in [*files, ROOT / "profiles" / "profiles.yml"])
    read = set(re.findall(r"env_var\('(\w+)'", text)) - {"PWD"}
    read |= set(re.findall(r"\('([A-Z_]+)', '(?:not )?in'\)", text))
    read |= set(re.findall(r"env: (\w+)", (ROOT / "orchestration/home/dagster.yaml").read_text()))
    assert {"PGHOST", "CELLS", "DAGSTER_HISTORY_URL"} <= read <= set(SETTINGS)


def test_what_make_help_names_is_declared():
    text = (ROOT / "Makefile").read_text()
    commands = ("compare", "ingest", "replay", "transform", "backfill", "prune", "forget", "bench")
    helped = "".join(re.findall(rf"^(?:{'|'.join(commands)}):.*## (.*)$", text, re.M))
    named = set(re.findall(r"\b([A-Z_]+)=", helped))
    assert {"FROM", "USER_ID", "KEEP_DAYS", "SCALE"} <= named <= set(SETTINGS)


def test_secrets_are_hidden_everywhere():
    assert {name for name, setting in SETTINGS.items() if setting.secret} == set(SECRETS)


def test_settings_are_light():
    heavy = ("dagster", "dbt", "dlt", "duckdb", "pandas", "pyarrow", "psycopg2", "requests")
    rooms = ", ".join(f"{room}.settings" for room in ROOMS)
    program = f"import sys, {rooms}; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
