"""Secrets in files: each is read as if it were set, and what cannot be is one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import SECRETS, UserError, redacted
from core.settings import ROOT, load_env

SECRET = "geheim $x\\'1"
READS = "from core.settings import load_env; load_env(); import os; print(os.environ['HASH_KEY'])"


@pytest.fixture
def given(monkeypatch, tmp_path):
    """Writes a secret's file, and has its variable name it; what is read is forgotten after."""

    def write(name: str, content: bytes) -> Path:
        path = tmp_path / f"{name} file"
        path.write_bytes(content)
        monkeypatch.setenv(name, "")
        monkeypatch.setenv(f"{name}_FILE", str(path))
        return path

    return write


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_each_is_read_without_the_line_end_and_hidden(given, capfd, name, end):
    given(name, f"{SECRET}{end}".encode())
    load_env()
    assert os.environ[name] == SECRET
    assert redacted(f"it is {SECRET}!") == "it is ***!"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\r\n \n", "is empty"),
        (b"caf\xe9", "cannot be read: it is not text (UTF-8)"),
        (b"a\0b", "is no secret: it has NUL, or 64 kB and more"),
        (b"x" * 70_000, "is no secret: it has NUL, or 64 kB and more"),
    ],
)
def test_what_has_no_secret_is_named(given, content, says):
    path = given("HASH_KEY", content)
    with pytest.raises(UserError) as error:
        load_env()
    assert str(error.value) == f"HASH_KEY_FILE={path} {says}"
    assert os.environ["HASH_KEY"] == ""


def test_a_file_that_cannot_be_opened_is_named(given, monkeypatch, tmp_path):
    given("HASH_KEY", b"")
    for path, says in (
        (tmp_path, "Is a directory"),
        (tmp_path / "no", "No such file or directory"),
    ):
        monkeypatch.setenv("HASH_KEY_FILE", str(path))
        with pytest.raises(UserError) as error:
            load_env()
        assert str(error.value) == f"HASH_KEY_FILE={path} cannot be read: {says}"


def test_one_that_is_set_both_ways_is_refused(given, monkeypatch):
    path = given("PGPASSWORD", b"of the file")
    monkeypatch.setenv("PGPASSWORD", "of the variable")
    with pytest.raises(UserError) as error:
        load_env()
    said = f"PGPASSWORD and PGPASSWORD_FILE={path} are both set: give one of them"
    assert str(error.value) == said


def test_processes_that_it_starts_have_it_too(tmp_path):
    """They read .env again, which still names the file."""
    (tmp_path / "key").write_text(f"{SECRET}\n")
    env_file = tmp_path / "env"
    env_file.write_text(f"HASH_KEY_FILE={tmp_path / 'key'}\n")
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {READS!r}], check=True)"
    done = subprocess.run(
        [sys.executable, "-c", f"{READS}\n{child}"],
        cwd=ROOT,
        env=os.environ | {"ENV_FILE": str(env_file)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert sorted(done.stdout.splitlines()) == [SECRET, SECRET], done.stderr
