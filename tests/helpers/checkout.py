"""A copy of the dbt project, to edit: what a colleague does to a model."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from dbt.cli.main import dbtRunner, dbtRunnerResult

from core.settings import ROOT
from tests.helpers.pipeline import in_thread

_LEFT_OUT = shutil.ignore_patterns("target", "logs", ".user.yml")


class EditedProject:
    """The project in a folder; `make transform` and what else runs dbt in this process build it.

    The folder may be used again: what an earlier test has edited is as before, and dbt parses what
    differs only.
    """

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        """Put the project's files into a folder, and let dbt be invoked on them."""
        self.dbt_dir = folder / "dbt"
        target = folder / "target"
        for part in ("dbt", "core/migrations"):
            shutil.rmtree(folder / part, ignore_errors=True)
            shutil.copytree(ROOT / part, folder / part, ignore=_LEFT_OUT)
        places = ["--project-dir", f"{self.dbt_dir}", "--profiles-dir", f"{ROOT / 'profiles'}"]
        self._location = places
        named = {"DBT_PROJECT_DIR": places[1], "DBT_PROFILES_DIR": places[3]}
        patch.setattr("transform.invocation.PLACES", named)
        patch.setattr("transform.project.PROJECT_DIR", self.dbt_dir)
        patch.setenv("DBT_TARGET_PATH", f"{target}")

    def edit(self, name: str, before: str, after: str) -> None:
        """Replace what a file has once."""
        text = (self.dbt_dir / name).read_text()
        assert text.count(before) == 1, (name, before)
        (self.dbt_dir / name).write_text(text.replace(before, after))

    def write(self, name: str, text: str) -> None:
        """A file's new text."""
        (self.dbt_dir / name).write_text(text)

    def dbt(self, *arguments: str) -> dbtRunnerResult:
        """Bare dbt on it."""
        return in_thread(dbtRunner().invoke, [*arguments, *self._location, "--log-level", "none"])
