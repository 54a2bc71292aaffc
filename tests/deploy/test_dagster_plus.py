"""The files of Dagster+, by the schema that Dagster's own command line has of them."""

from __future__ import annotations

import re

import yaml
from dagster_cloud_cli.config.models import load_dagster_cloud_yaml
from dagster_dg_core.config import DgRawBuildConfig

from core.errors import SECRETS
from core.settings import ROOT
from orchestration.services.three import LOCATION

DEPLOY = ROOT / "deploy"


def test_the_location_is_ours_and_valid():
    text = (DEPLOY / "dagster_cloud.yaml").read_text()
    [location] = load_dagster_cloud_yaml(text).locations
    assert location.location_name == LOCATION
    assert location.code_source is not None
    assert location.code_source.module_name == "orchestration.definitions"
    [version] = re.findall(r'(?m)^version = "(.*)"$', (ROOT / "pyproject.toml").read_text())
    assert location.image == f"registry.example.com/fact-events:{version}"
    assert not any(name in text for name in SECRETS)


def test_settings_and_secrets_are_those_of_the_cluster():
    [location] = yaml.safe_load((DEPLOY / "dagster_cloud.yaml").read_text())["locations"]
    given = location["container_context"]["k8s"]
    assert given["env_secrets"] == given["env_config_maps"] == ["fact-events"]
    assert given["service_account_name"] == "fact-events"
    assert given["run_k8s_config"]["pod_spec_config"]["security_context"]["run_as_non_root"]


def test_how_it_is_built():
    build = yaml.safe_load((DEPLOY / "build.yaml").read_text())
    assert set(build) == set(DgRawBuildConfig.__annotations__)
    assert build["directory"] == "."
    assert "not tried against the service" in (DEPLOY / "dagster_cloud.yaml").read_text()
