"""`make test-image`: the images as they are built, and the main job in a container."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.settings import ROOT
from tests.deployed.engine import Engine, build, environment, found_engine
from tests.helpers.postgres import Place, tcp_server
from tests.helpers.ui import free_port
from tests.helpers.waiting import wait_until

pytestmark = pytest.mark.timeout(3600)

MEGABYTE = 1_000_000
LIMIT = {"full": 900, "slim": 750}  # megabytes
NAME, TAG = "localhost/fact-events-test", "test"
MARK = "a-secret-that-must-be-nowhere"
BUILDERS = "gcc g++ cc c++ clang ld as make cmake rustc cargo go pip pip3 uv"
COMMANDS = (
    "commands.main_job commands.follow commands.prune commands.doctor transform transform.rebuild "
    "orchestration.backfill reporting"
).split()
COMMANDS += ["ingestion ingest", "orchestration.serve init", "orchestration.serve daemon"]


@dataclass(frozen=True)
class Images:
    """Both, and where the list of what they consist of is."""

    engine: Engine
    full: str
    slim: str
    list: Path


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Images:
    """Built of a copy of the checkout that has secrets where people have them."""
    engine = found_engine()
    context, listed = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("list")
    known = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, known.split("\0")):
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, context / name)
    for name in (".env", ".local/key", "deploy/secrets/pgpassword", "profiles/.user.yml"):
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        (context / name).write_text(f"EVENTS_API_TOKEN={MARK}\n")
    base = os.environ.get("BASE", "")
    if not base and engine.name == "podman":  # Docker reaches the base of the Dockerfile
        base = "localhost/fact-events-base"
        made = [ROOT / "tests" / "deployed" / "base.sh", base]
        subprocess.run(made, env=environment(), check=True)
    given = {"PGPASSWORD": MARK, "EVENTS_API_TOKEN": MARK, "BASE": base, "LIST": str(listed)}
    given["CA_FILE"] = os.environ.get("CA_FILE") or os.environ.get("SSL_CERT_FILE", "")
    build(engine, context, IMAGE=NAME, TAG=TAG, **given)
    return Images(engine, f"{NAME}:{TAG}", f"{NAME}:{TAG}-slim", listed)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """An empty database on a server that wants a password, over TCP.

    Not below pytest's own directory: see `server_dir`.
    """
    with (
        tempfile.TemporaryDirectory(prefix="fact-events-tests-") as folder,
        tcp_server(Path(folder)) as server,
    ):
        found = Place(server)
        found.create()
        yield found


@pytest.fixture(params=["full", "slim"])
def image(request, images) -> str:
    return str(getattr(images, request.param))


@pytest.mark.parametrize("name", LIMIT)
def test_size(images, name):
    size = images.engine.inspect(getattr(images, name))["Size"]
    print(f"{name}: {size / MEGABYTE:.0f} MB")
    assert size < LIMIT[name] * MEGABYTE


def test_it_is_no_root_and_has_no_compiler(images, image):
    found = images.engine.inspect(image)
    assert found["Config"]["User"] == "10001:10001"
    # Podman and Docker have it in places of their own.
    watched = found.get("Healthcheck") or found["Config"]["Healthcheck"]
    assert watched["Test"][-1] == "orchestration.services.health"
    script = f"id -u; command -v {BUILDERS}; touch /app/x /opt/venv/x 2>/dev/null || echo kept"
    said = images.engine.run(image, "sh", "-c", script)
    assert said.stdout.split() == ["10001", "kept"]


def test_no_secret_is_in_it(images, image):
    """Neither of the checkout, nor of who builds, nor of the certificates on the way."""
    engine = images.engine
    assert MARK not in json.dumps(engine.inspect(image))
    assert MARK not in engine.output("history", "--no-trunc", image)
    script = f"grep -rIl {MARK[:-1]}[{MARK[-1]}] / --exclude-dir=proc --exclude-dir=sys"
    said = engine.run(image, "sh", "-c", script, options=("--user", "0"))
    assert (said.stdout, said.stderr) == ("", "")
    left = "ls -d /run/secrets /app/.env /app/.local /app/deploy/secrets /app/.git"
    assert engine.run(image, "sh", "-c", f"{left} 2>/dev/null").stdout == ""


def test_every_command_starts(images, image):
    script = "".join(f"python -m {command} --help | head -n 1;" for command in COMMANDS)
    said = images.engine.run(image, "sh", "-c", script)
    assert said.stderr == ""
    shown = [line.partition(" [")[0] for line in said.stdout.splitlines()]
    assert shown == [f"Usage: python -m {command}" for command in COMMANDS]


def test_the_slim_one_has_neither_ui_nor_ml_and_loads_all_assets(images):
    script = """
import importlib.util
from orchestration.definitions import defs
names = ("dagster_webserver", "sklearn", "dagster_k8s")
print([bool(importlib.util.find_spec(name)) for name in names])
print(len(defs.resolve_asset_graph().get_all_asset_keys()) > 20)
"""
    said = images.engine.run(images.slim, "python", "-c", script)
    assert said.stdout.splitlines()[-2:] == ["[False, False, True]", "True"], said.stderr


def test_the_main_job(images, place):
    """By a role that owns nothing but its database, and with nothing embedded."""
    said = images.engine.run(
        images.full, "python", "-m", "commands.main_job", settings=place.settings
    )
    assert said.returncode == 0, said.stderr
    assert MARK not in said.stdout + said.stderr
    [(rows, days, keys)] = place.execute(
        """select count(*), count(distinct event_date),
            count(distinct (user_id, event_id, event_date)) from analytics.fact_events"""
    )
    [(received, kept)] = place.execute(
        "select sum(received), sum(fact) from analytics.row_accounting where is_complete"
    )
    assert rows == keys == kept
    assert received > rows > 1000
    assert days >= 7


def test_a_service_is_healthy_as_the_image_says(images, place, tmp_path):
    """What the health check says while it starts, and when it serves; its secrets are files."""
    place.execute("create database history owner loader", "postgres")
    history = f"postgresql://loader@127.0.0.1:{place.server.port}/history"
    tmp_path.chmod(0o755)
    (tmp_path / "pgpassword").write_text(f"{place.settings['PGPASSWORD']}\n")
    settings = {name: value for name, value in place.settings.items() if name != "PGPASSWORD"} | {
        "PGPASSWORD_FILE": "/run/secrets/pgpassword",
        "DAGSTER_HISTORY_URL": history,
        "CODE_SERVER_PORT": f"{free_port()}",
    }
    options = ("--volume", f"{tmp_path}:/run/secrets:ro")
    engine = images.engine
    init = ("python", "-m", "orchestration.serve", "init")
    said = engine.run(images.slim, *init, settings=settings, options=options)
    assert said.returncode == 0, said.stderr
    assert place.execute("select count(*) from runs", "history") == [(0,)]
    check = ("python", "-m", "orchestration.services.health")
    serve = ("python", "-m", "orchestration.serve", "code-server")

    def is_healthy(container: str) -> bool:
        line = [*engine.command, "exec", container, *check]
        return subprocess.run(line, capture_output=True, timeout=120).returncode == 0

    with engine.started(images.slim, *serve, settings=settings, options=options) as container:
        assert not is_healthy(container)
        wait_until(lambda: is_healthy(container))


def test_what_it_consists_of(images):
    bom = json.loads((images.list / "sbom.cdx.json").read_text())
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
    purls = {each["purl"] for each in bom["components"]}
    for package in ("dagster", "dbt-core", "dagster-webserver", "scikit-learn", "dagster-k8s"):
        assert any(each.startswith(f"pkg:pypi/{package}@") for each in purls)
    assert any(each.startswith("pkg:deb/debian/libc6@") for each in purls)
    unlicensed = {
        line.split("\t")[0]
        for line in (images.list / "licenses.tsv").read_text().splitlines()
        if line.endswith("\tnot said")
    }
    of_python = {each["name"] for each in bom["components"] if each["purl"][4:8] == "pypi"}
    assert not unlicensed & of_python
