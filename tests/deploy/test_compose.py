"""deploy/compose.yaml: the services of the Makefile, shut, watched, and with no secret in them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from core.errors import SECRETS
from core.settings import ROOT
from orchestration.services.health import NAMES
from tests.helpers.compose import COMPOSE, command_of, services

TEXT = COMPOSE.read_text()
WHOLE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES = services()
OURS = [name for name in SERVICES if name != "postgres"]
RECIPE = re.compile(r"^([a-z-]+): install .*\n\t@\$\(RUN\) (.*)$", re.MULTILINE)


def test_the_services():
    assert set(SERVICES) == {"postgres", "init", *NAMES, "follow"}
    assert SERVICES["postgres"]["image"].startswith("docker.io/library/postgres:18")
    assert len({SERVICES[name]["image"] for name in OURS}) == 1


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_what_make_runs(name):
    recipes = dict(RECIPE.findall((ROOT / "Makefile").read_text()))
    assert command_of(name)[1:] == ["-m", *recipes[name].split()]


def test_the_image_is_of_this_version():
    [version] = re.findall(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.M)
    assert SERVICES["webserver"]["image"] == f"${{IMAGE:-fact-events}}:${{TAG:-{version}}}"


def test_only_the_ui_is_published_and_on_loopback():
    ports = {name: each["ports"] for name, each in SERVICES.items() if "ports" in each}
    assert ports == {"webserver": ["127.0.0.1:${UI_PORT:-3000}:3000"]}
    assert "network_mode" not in TEXT
    assert WHOLE["networks"]["inside"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == SERVICES["daemon"]["networks"] == ["inside"]


@pytest.mark.parametrize("name", SERVICES)
def test_it_is_started_again_and_watched(name):
    service = SERVICES[name]
    ends = name == "init"
    assert service["restart"] == ("on-failure:5" if ends else "unless-stopped")
    if name in NAMES:
        watched = ["CMD", "python", "-m", "orchestration.services.health", name]
        assert service["healthcheck"]["test"] == watched
    elif name == "postgres":
        assert "pg_isready" in service["healthcheck"]["test"]
    else:
        assert service["healthcheck"] == {"disable": True}


@pytest.mark.parametrize("name", OURS)
def test_it_may_do_nothing_but_its_work(name):
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert "privileged" not in service
    assert "user" not in service  # the image's


def test_who_waits_for_whom():
    waits = {name: each.get("depends_on", {}) for name, each in SERVICES.items()}
    assert waits["init"] == {"postgres": {"condition": "service_healthy"}}
    for name in NAMES:
        assert waits[name]["init"] == {"condition": "service_completed_successfully"}
    for name in ("daemon", "webserver"):
        assert waits[name]["code-server"] == {"condition": "service_healthy"}


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_are_files_and_nothing_else(name):
    service = SERVICES[name]
    given = service["environment"]
    assert not set(given) & {*SECRETS, "POSTGRES_PASSWORD"}
    of_files = {key: value for key, value in given.items() if key.endswith("_FILE")}
    assert of_files
    for key, value in of_files.items():
        assert key.removesuffix("_FILE") in {*SECRETS, "POSTGRES_PASSWORD"}
        secret = value.removeprefix("/run/secrets/")
        assert secret in service["secrets"]
        assert WHOLE["secrets"][secret] == {"file": f"secrets/{secret}"}
    assert {value.removeprefix("/run/secrets/") for value in of_files.values()} == set(
        service["secrets"]
    )


def test_secrets_and_settings_of_the_machine_are_in_no_commit():
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"deploy/secrets/", "deploy/settings.env"} <= set(ignored)


def test_data_outlives_the_containers():
    used = {name: each["volumes"] for name, each in SERVICES.items()}
    assert "warehouse:/var/lib/postgresql" in used["postgres"]
    assert all(used[name] == ["local:/var/lib/fact-events"] for name in OURS)
    assert set(WHOLE["volumes"]) == {"warehouse", "local"}


def test_the_history_has_a_database():
    scripts = (ROOT / "deploy" / "postgres").glob("*.sql")
    assert "create database dagster;" in "".join(path.read_text() for path in scripts)
    assert "./postgres:/docker-entrypoint-initdb.d:ro" in SERVICES["postgres"]["volumes"]
