"""The part of requirements.lock that some groups of pyproject.toml need, with its hashes.

    python deploy/image/locked.py [ui] [ml] [embedded] > runtime.lock

The lock says of each package which others asked for it: that is followed, from the dependencies of
the project and of the groups. Needs nothing but Python: it runs before anything is installed.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "fact-events"
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_ASKED_BY = re.compile(r"^    #(?: via)? +([A-Za-z0-9._-]+)", re.MULTILINE)


def locked(groups: list[str], root: Path = ROOT) -> str:
    """The lines of the lock for the project with some of its groups.

    Args:
        groups: of `[project.optional-dependencies]`.
        root: the directory of the lock and of pyproject.toml.

    Raises:
        SystemExit: there is no such group, or the lock lacks a package: `make lock`.
    """
    wanted = _asked_for(groups, root)
    parts = _parts((root / "requirements.lock").read_text())
    if missing := sorted(wanted - set(parts)):
        raise SystemExit(f"requirements.lock lacks {', '.join(missing)}: make lock")
    asked_by = {name: set(_ASKED_BY.findall(part)) for name, part in parts.items()}
    while True:
        more = {name for name, by in asked_by.items() if by & wanted} - wanted
        if not more:
            return "".join(part for name, part in parts.items() if name in wanted)
        wanted |= more


def name_of(requirement: str) -> str:
    """The package that a line asks for, as the index writes it."""
    found = _NAME.match(requirement)
    assert found, requirement  # noqa: S101 - a lock of uv's begins every part with a name
    return re.sub("[-_.]+", "-", found.group()).lower()


def _asked_for(groups: list[str], root: Path) -> set[str]:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    if unknown := [group for group in groups if group not in extras]:
        raise SystemExit(f"{unknown[0]}: no group of pyproject.toml ({', '.join(extras)})")
    asked = [project["dependencies"], *(extras[group] for group in groups)]
    return {name_of(each) for part in asked for each in part}


def _parts(lock: str) -> dict[str, str]:
    """A package each: its version, its hashes, and by what it was asked for. One can be there more
    than once, for another Python each."""
    found: dict[str, str] = {}
    for part in re.split(r"(?m)^(?=[A-Za-z0-9])", lock)[1:]:
        found[name_of(part)] = found.get(name_of(part), "") + part
    return found


if __name__ == "__main__":
    sys.stdout.write(locked(sys.argv[1:]))
