"""What an image consists of, as CycloneDX 1.6, and the licences as a list: python sbom.py DIRECTORY

Python's packages by what they say of themselves, Debian's by dpkg. Needs nothing but Python.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

_COPYRIGHT = Path("/usr/share/doc")


def main() -> None:
    """Write sbom.cdx.json and licenses.tsv into the directory that the first argument names."""
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    found = sorted([*of_python(), *of_debian()], key=lambda each: (each["purl"], each["name"]))
    bom = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": found}
    (target / "sbom.cdx.json").write_text(json.dumps(bom, indent=1) + "\n")
    lines = [f"{each['name']}\t{each['version']}\t{_license_names(each)}\n" for each in found]
    (target / "licenses.tsv").write_text("package\tversion\tlicense\n" + "".join(lines))


def of_python() -> list[dict[str, Any]]:
    """The packages that this Python can import."""
    return [
        _component(_normal(each.name), each.version, "pypi", _python_licenses(each))
        for each in distributions()
    ]


def of_debian() -> list[dict[str, Any]]:
    """Debian's packages, on Debian: their licences are those that their copyright files name."""
    if not shutil.which("dpkg-query"):
        return []
    asked = ["dpkg-query", "--show", "--showformat", "${Package}\t${Version}\n"]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    pairs = [line.split("\t") for line in said.splitlines()]
    return [
        _component(name, version, "deb/debian", _debian_licenses(name)) for name, version in pairs
    ]


def _component(name: str, version: str, kind: str, licenses: list[str]) -> dict[str, Any]:
    purl = f"pkg:{kind}/{name}@{version}"
    named = [{"license": {"name": each}} for each in licenses]
    made = {"type": "library", "name": name, "version": version, "purl": purl}
    return made | ({"licenses": named} if named else {})


def _normal(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


def _python_licenses(package: Distribution) -> list[str]:
    """By the expression, else by the classifiers, else by the first line of the free text."""
    said = package.metadata
    if expression := said.get("License-Expression"):
        return [expression]
    classified = [each for each in said.get_all("Classifier") or [] if each.startswith("License")]
    if classified:
        return sorted({each.split(" :: ")[-1] for each in classified})
    return (said.get("License") or "").strip().splitlines()[:1]


def _debian_licenses(name: str) -> list[str]:
    said = _COPYRIGHT / name / "copyright"
    text = said.read_text(errors="replace") if said.is_file() else ""
    return sorted(set(re.findall(r"(?m)^License: *(\S.*)$", text)))


def _license_names(component: dict[str, Any]) -> str:
    named = [str(each["license"]["name"]) for each in component.get("licenses", [])]
    return ", ".join(named) or "not said"


if __name__ == "__main__":
    main()
