"""Images and containers of whichever engine is here, as `make test-image` uses them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.settings import ROOT

MINUTES = 60 * 30  # seconds in which an image is built, also on a busy machine
# Also within a container, where there is no systemd, and where limits cannot be raised.
_PODMAN = {"BUILDAH_ISOLATION": "chroot"}
_LIMITS = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]


@dataclass(frozen=True)
class Engine:
    """Docker, or podman with runc."""

    name: str

    @property
    def command(self) -> list[str]:
        """What a command line of it begins with."""
        return ["docker"] if self.name == "docker" else ["podman", "--runtime", _runc()]

    def output(self, *arguments: str, check: bool = True) -> str:
        """What a command says."""
        done = subprocess.run(
            [*self.command, *arguments], env=environment(), capture_output=True, text=True
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout.strip()

    def inspect(self, image: str) -> dict[str, Any]:
        """What it says of an image."""
        found: list[dict[str, Any]] = json.loads(self.output("image", "inspect", image))
        return found[0]

    def run(
        self,
        image: str,
        *command: str,
        settings: Mapping[str, str] | None = None,
        options: tuple[str, ...] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in a container on the network of this machine; it is gone afterwards."""
        return subprocess.run(
            [*self._run(settings or {}), "--rm", *options, image, *command],
            env=environment() | (settings or {}),
            capture_output=True,
            text=True,
            timeout=900,
        )

    @contextmanager
    def started(
        self,
        image: str,
        *command: str,
        settings: Mapping[str, str],
        options: tuple[str, ...] = (),
    ) -> Iterator[str]:
        """A container that stays, while the body runs; its name."""
        arguments = [*self._run(settings), "--detach", *options, image, *command]
        done = subprocess.run(
            arguments, env=environment() | settings, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        container = done.stdout.strip()
        try:
            yield container
        finally:
            self.output("rm", "--force", container)

    def _run(self, settings: Mapping[str, str]) -> list[str]:
        """Settings go by name: no command line holds a value."""
        limits = [] if self.name == "docker" else _LIMITS
        names = [part for name in settings for part in ("--env", name)]
        # Podman starts health checks by systemd, which is not there.
        host = ["--network", "host", "--no-healthcheck"]
        return [*self.command, "run", *host, *limits, *names]


def found_engine() -> Engine:
    """Docker where its daemon answers, else podman."""
    asked = subprocess.run(["docker", "info"], capture_output=True) if which("docker") else None
    if asked and asked.returncode == 0:
        return Engine("docker")
    assert which("podman"), "neither docker nor podman answers: make containers installs podman"
    return Engine("podman")


def environment() -> dict[str, str]:
    """Of the engine's processes."""
    return {**_PODMAN, **os.environ}


def which(program: str) -> str | None:
    """Where it is; Debian keeps runc where only root's shell looks."""
    return shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def build(engine: Engine, context: Path, **settings: str) -> None:
    """What `make image` does, of a checkout."""
    given = {name: value for name, value in settings.items() if value}
    subprocess.run(
        ["bash", ROOT / "deploy" / "image" / "build.sh"],
        env=environment() | {"ENGINE": engine.name, "CONTEXT": str(context)} | given,
        check=True,
        timeout=MINUTES,
    )


def _runc() -> str:
    found = which("runc")
    assert found, "podman's crun wants cgroups that a container has not: make containers"
    return found
