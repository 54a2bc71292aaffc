"""What runs on GitHub: pinned, bounded, with no more rights than it needs, and only what exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.settings import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
ACTIONS = sorted((GITHUB / "actions").glob("*/action.yml"))
PINNED = re.compile(r"[\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def jobs_of(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())["jobs"]


def steps_of(path: Path) -> list[dict[str, Any]]:
    content = yaml.safe_load(path.read_text())
    if "runs" in content:
        return content["runs"]["steps"]
    return [step for job in content["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: path.parent.name)
def test_every_action_is_pinned_by_commit(path):
    used = re.findall(r"uses: (.*)", path.read_text())
    assert len(used) == sum("uses" in step for step in steps_of(path))
    for action in used:
        if action.startswith("./"):
            assert (ROOT / action / "action.yml").is_file()
        else:
            assert PINNED.fullmatch(action), action


def test_an_action_is_of_one_version_everywhere():
    text = "".join(path.read_text() for path in [*WORKFLOWS, *ACTIONS])
    used = set(re.findall(r"uses: ([^.\s]\S*@\S+ # \S+)", text))
    assert len(used) == len({action.split("@")[0] for action in used}) == 4


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_job_has_a_limit_and_few_rights(path):
    content = yaml.safe_load(path.read_text())
    assert content["permissions"] == {"contents": "read"}
    assert "concurrency" in content
    for name, job in content["jobs"].items():
        assert 0 < job["timeout-minutes"] <= 300, name
        if "permissions" in job:
            assert (path.stem, name) == ("lock", "lock")


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: path.parent.name)
def test_steps_do_what_exists(path):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for step in steps_of(path):
        assert ("run" in step) != ("uses" in step)
        for target in re.findall(r"\bmake ([a-z-]+)", step.get("run", "")):
            assert target in targets, target
        known = GITHUB / "actions" / Path(step.get("uses", "")).name / "action.yml"
        if step.get("uses", "").startswith("./"):
            inputs = yaml.safe_load(known.read_text()).get("inputs", {})
            assert set(step.get("with", {})) <= set(inputs)


def test_no_step_puts_what_others_write_into_a_shell():
    """A branch's name or a title in ${{ }} is run; in env: it is a value."""
    for path in [*WORKFLOWS, *ACTIONS]:
        for step in steps_of(path):
            assert "${{" not in step.get("run", "")


def test_the_matrix_is_what_the_project_promises():
    jobs = jobs_of(GITHUB / "workflows" / "ci.yml")
    assert {"lint", "types", "test", "postgres", "examples"} == jobs.keys()
    assert jobs["test"]["strategy"]["matrix"] == {"python": ["3.11", "3.12", "3.13"]}
    assert jobs["postgres"]["strategy"]["matrix"] == {"postgres": ["16", "17", "18"]}
    assert 'requires-python = ">=3.11,<3.14"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_what_failed_is_kept(path):
    for name, job in jobs_of(path).items():
        if {"lint", "types", "mutants"}.isdisjoint({name}):
            kept = [step for step in job["steps"] if step.get("uses") == "./.github/actions/keep"]
            assert len(kept) == 1, name


def test_the_version_has_its_entry_in_the_changelog():
    [version] = re.findall(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.M)
    days = re.findall(
        r"^## \[([\d.]+)\] - (\d{4}-\d{2}-\d{2})$", (ROOT / "CHANGELOG.md").read_text(), re.M
    )
    assert days[0][0] == version
    assert sorted(days, key=lambda entry: entry[1], reverse=True) == days
