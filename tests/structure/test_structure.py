"""The house against what docs/architecture.md says of it, and the rules that keep it so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.structure import graph, rules
from tests.structure.source import HOUSE, ROOT, Source


def test_the_picture_in_the_document_is_the_code():
    """After a change that is meant: make format."""
    assert graph.in_document() == graph.drawn()


ROOMS = tuple(f"{room}/" for room in (*HOUSE, "benchmarks", "dbt", "docs", "tests"))


@pytest.mark.parametrize("document", ["docs/architecture.md", "docs/orchestration.md", "README.md"])
def test_the_files_that_documents_name_are_there(document: str):
    """In full paths, from a room on; a name alone is beside the one before it."""
    names = re.findall(r"`((?:[\w.*-]+/)+[\w.*-]+\.(?:py|sql|toml|yml|yaml))`", text(document))
    missing = [name for name in names if name.startswith(ROOMS) and not any(ROOT.glob(name))]
    assert names
    assert missing == []


def text(document: str) -> str:
    return (ROOT / document).read_text()


def test_imports_go_one_way():
    assert graph.upward() == set()
    assert graph.circle(graph.file_arrows()) == set()
    assert graph.circle(graph.room_arrows()) == set()


def test_no_room_is_the_whole_house():
    rooms = graph.lines_by_room()
    assert len(graph.inside("ingestion")) <= 20
    assert max(rooms.values()) <= 0.4 * rooms.total(), rooms


def test_an_import_inside_of_a_function_is_an_arrow():
    found = graph.file_arrows()
    assert ("ingestion/cli.py", "ingestion/ingest.py") in found
    assert ("orchestration/assets.py", "ml/propensity.py") in found


def test_a_circle_is_found():
    line = {("a", "b"), ("b", "c"), ("c", "d")}
    assert graph.circle(line) == set()
    assert graph.circle(line | {("c", "b")}) == {("b", "c"), ("c", "b")}


def test_no_rule_is_broken():
    assert rules.broken() == []


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("from dagster._core.events import StepKind", "is private"),
        ("import dlt.pipeline._state", "is private"),
        ("x = 1  # {}: E501, TID251".format("noqa"), "no exception"),
        ("def f():\n" + "    x = 1\n" * 40, "f has 41 lines"),
        ('x = "\\n  SELECT a\\n from b"', "SQL belongs"),
        ('x = f"delete from {table}"', "SQL belongs"),
        ("a, b = f(), g()", "one statement a line"),
    ],
)
def test_each_rule_sees_what_breaks_it(code: str, what: str, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("tests.structure.source.ROOT", tmp_path)
    file = tmp_path / "orchestration" / "broken.py"
    file.parent.mkdir()
    file.write_text(code)
    found = [told for _, told in rules.in_file(Source(file))]
    assert len(found) == 1
    assert what in found[0]


def test_what_only_looks_like_it_is_left_alone(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("tests.structure.source.ROOT", tmp_path)
    file = tmp_path / "orchestration" / "fine.py"
    file.parent.mkdir()
    file.write_text(
        '"""Select the days that follow from it."""\n'
        'a = "--select"\n'
        "def f():\n" + "    x = 1\n" * 39 + "a, b = b, a + b\n"
    )
    assert list(rules.in_file(Source(file))) == []


def test_long_files_are_found(tmp_path: Path, monkeypatch):
    for name, lines in (
        ("orchestration/long.py", 201),
        ("core/long.py", 301),
        ("dbt/models/long.sql", 61),
        ("dbt/macros/long.sql", 61),
        ("core/fine.py", 300),
    ):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x\n" * lines)
    for module in ("source", "rules"):
        monkeypatch.setattr(f"tests.structure.{module}.ROOT", tmp_path)
    assert [name for name, _ in rules.too_long()] == [
        "orchestration/long.py",
        "core/long.py",
        "dbt/models/long.sql",
    ]
