"""deploy/helm and deploy/kubernetes: only keys that Dagster's chart has, and no secret's value.

The chart is not ours to keep: what it takes is written down here, of the schema that Dagster
publishes with it (helm/dagster/schema in its repository). `make helm-check CHART=` renders it.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.errors import SECRETS
from core.settings import ROOT
from tests.helpers.compose import services

HELM, KUBERNETES = ROOT / "deploy" / "helm", ROOT / "deploy" / "kubernetes"
STAGES = ("dev", "staging", "prod")
TOP = """
    additionalInstanceConfig computeLogManager concurrency dagster-user-deployments dagsterDaemon
    dagsterWebserver flower generateCeleryConfigSecret generatePostgresqlPasswordSecret global
    ingress migrate postgresql rabbitmq redis retention runLauncher serviceAccount telemetry
"""
POD = "annotations envConfigMaps envSecrets image podSecurityContext resources securityContext"
PROBES = "livenessProbe readinessProbe startupProbe"
KEYS = {
    "dagsterWebserver": f"{POD} {PROBES} replicaCount service",
    "dagsterDaemon": f"{POD} {PROBES} enabled heartbeatTolerance runCoordinator runMonitoring "
    "runRetries",
    "postgresql": "enabled image postgresqlDatabase postgresqlHost postgresqlParams "
    "postgresqlPassword postgresqlUsername service",
    "concurrency": "enabled pools runs",
    "concurrency.pools": "defaultLimit granularity opGranularityRunBuffer",
    "runLauncher": "config type",
    "runLauncher.config": "k8sRunLauncher",
    "runLauncher.config.k8sRunLauncher": "envConfigMaps envSecrets envVars failPodOnRunFailure "
    "imagePullPolicy loadInclusterConfig resources runK8sConfig securityContext "
    "volumeMounts volumes",
    "runLauncher.config.k8sRunLauncher.runK8sConfig": "containerConfig jobMetadata jobSpecConfig "
    "podSpecConfig podTemplateSpecMetadata",
    "dagsterDaemon.runCoordinator.config.queuedRunCoordinator": "dequeueIntervalSeconds "
    "dequeueNumWorkers dequeueUseThreads maxConcurrentRuns tagConcurrencyLimits",
    "dagsterDaemon.runMonitoring": "cancelTimeoutSeconds enabled freeSlotsAfterRunEndSeconds "
    "maxResumeRunAttempts pollIntervalSeconds startTimeoutSeconds",
    "dagster-user-deployments": "deployments enableSubchart enabled imagePullSecrets",
    "dagster-user-deployments.deployments.0": f"{POD} {PROBES} dagsterApiGrpcArgs env "
    "includeConfigInLaunchedRuns name port volumeMounts volumes",
}


def merged(below: Any, above: Any) -> Any:
    """As helm lays values over each other."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return below | {key: merged(below.get(key), value) for key, value in above.items()}


def values(stage: str) -> dict[str, Any]:
    below, above = (
        yaml.safe_load((HELM / f"{name}.yaml").read_text()) for name in ("values", stage)
    )
    found: dict[str, Any] = merged(below, above)
    return found


def at(whole: Any, path: str) -> Any:
    for key in path.split("."):
        whole = whole[int(key)] if isinstance(whole, list) else whole[key]
    return whole


def manifests() -> list[tuple[Path, dict[str, Any]]]:
    paths = [path for path in sorted(KUBERNETES.glob("*.yaml")) if path.stem != "kustomization"]
    return [(path, each) for path in paths for each in yaml.safe_load_all(path.read_text())]


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """The pods' specifications of the manifests."""
    for path, each in manifests():
        spec = each.get("spec", {})
        template = spec.get("jobTemplate", {"spec": spec})["spec"].get("template")
        if template:
            yield path.stem, template["spec"]


@pytest.fixture(params=STAGES)
def stage(request) -> dict[str, Any]:
    return values(request.param)


def test_only_keys_that_the_chart_has(stage):
    assert set(stage) <= set(TOP.split())
    for path, known in KEYS.items():
        assert set(at(stage, path)) <= set(known.split()), path


def test_the_version_is_the_locked_one():
    [locked] = re.findall(r"(?m)^dagster==(\S+)", (ROOT / "requirements.lock").read_text())
    assert f"--version {locked} " in (HELM / "values.yaml").read_text()


def test_what_the_history_had_by_itself_it_has_here():
    ours = yaml.safe_load((ROOT / "orchestration" / "home" / "dagster.yaml").read_text())
    found = values("staging")
    for name in ("nux", "freshness", "run_retries"):
        assert found["additionalInstanceConfig"][name] == ours[name]
    assert (
        found["concurrency"]["pools"]["defaultLimit"]
        == ours["concurrency"]["pools"]["default_limit"]
    )
    assert (
        found["concurrency"]["pools"]["granularity"] == ours["concurrency"]["pools"]["granularity"]
    )
    # Each run once, and by Dagster alone.
    assert not found["dagsterDaemon"]["runRetries"]["enabled"]
    assert (
        at(found, "runLauncher.config.k8sRunLauncher.runK8sConfig.jobSpecConfig.backoffLimit") == 0
    )
    assert found["telemetry"] == {"enabled": False}


def test_secrets_by_reference_alone(stage):
    text = yaml.safe_dump(stage)
    assert not any(name in text for name in SECRETS)
    assert stage["postgresql"]["postgresqlPassword"] == ""
    assert stage["generatePostgresqlPasswordSecret"] is False
    for path in (
        "dagsterWebserver",
        "dagsterDaemon",
        "runLauncher.config.k8sRunLauncher",
        "dagster-user-deployments.deployments.0",
    ):
        assert at(stage, path)["envSecrets"] == [{"name": "fact-events"}]
        assert "env" not in at(stage, path)
    for path, each in manifests():
        assert each["kind"] != "Secret", path
        assert not set(each.get("data", {})) & set(SECRETS), path
    for path, pod in pods():
        for container in pod["containers"]:
            given = container.get("env", [])
            assert not any(each["name"] in SECRETS and "value" in each for each in given), path


def test_no_pod_is_root_or_without_a_limit(stage):
    job = at(stage, "runLauncher.config.k8sRunLauncher")
    code = at(stage, "dagster-user-deployments.deployments.0")
    found = [
        (stage["dagsterWebserver"], stage["dagsterWebserver"]["podSecurityContext"]),
        (stage["dagsterDaemon"], stage["dagsterDaemon"]["podSecurityContext"]),
        (code, code["podSecurityContext"]),
        (job, job["runK8sConfig"]["podSpecConfig"]["securityContext"]),
    ]
    found += [(each, pod["securityContext"]) for _, pod in pods() for each in pod["containers"]]
    assert len(found) == 6
    for container, pod in found:
        assert pod["runAsNonRoot"] is True
        assert pod["runAsUser"] == 10001
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
        assert container["resources"]["requests"]["cpu"]


def test_one_image_everywhere(stage):
    [version] = re.findall(r'(?m)^version = "(.*)"$', (ROOT / "pyproject.toml").read_text())
    image = {"repository": "registry.example.com/fact-events", "tag": version}
    for path in ("dagsterWebserver", "dagsterDaemon", "dagster-user-deployments.deployments.0"):
        assert at(stage, path)["image"] == image | {"pullPolicy": "IfNotPresent"}
    for _, pod in pods():
        assert [each["image"] for each in pod["containers"]] == [
            f"{image['repository']}:{version}-slim"
        ]


def test_probes_are_commands_of_ours(stage):
    """The guard refuses a request whose Host is the pod's address."""
    web, code = stage["dagsterWebserver"], at(stage, "dagster-user-deployments.deployments.0")
    for container, name in ((web, "webserver"), (code, "code-server")):
        for probe in (container["readinessProbe"], container["livenessProbe"]):
            watched = services()[name]["healthcheck"]["test"][1:]
            assert probe["exec"]["command"] == watched
    assert web["readinessProbe"]["httpGet"] is None  # takes the chart's own away
    settings = next(each for _, each in manifests() if each["kind"] == "ConfigMap")["data"]
    assert settings["UI_PORT"] == f"{web['service']['port']}"
    assert settings["CODE_SERVER_PORT"] == f"{code['port']}"


def test_who_may_reach_the_code_server():
    found = {
        each["metadata"]["name"]: each["spec"]
        for _, each in manifests()
        if "Network" in each["kind"]
    }
    assert found["fact-events-nobody-in"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    [rule] = found["fact-events-code-server"]["ingress"]
    who = [each["podSelector"]["matchLabels"]["component"] for each in rule["from"]]
    assert who == ["dagster-webserver", "dagster-daemon"]
    port = at(values("prod"), "dagster-user-deployments.deployments.0.port")
    assert rule["ports"] == [{"protocol": "TCP", "port": port}]


def test_settings_are_known():
    known = set(re.findall(r"(?m)^\| `(\w+)`", (ROOT / "docs" / "settings.md").read_text()))
    [settings] = [each["data"] for _, each in manifests() if each["kind"] == "ConfigMap"]
    assert set(settings) <= {*known, "PGSSLMODE"}
    assert all(isinstance(value, str) for value in settings.values())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "error: CHART is not set: the directory of Dagster's chart, for helm-check\n"),
        ({"CHART": "/nowhere"}, "error: CHART=/nowhere is no chart\n"),
        ({"CHART": "{chart}", "HELM": "no-helm"}, "error: HELM=no-helm is not there\n"),
    ],
)
def test_helm_check_says_what_it_lacks(tmp_path, given, said):
    (tmp_path / "Chart.yaml").write_text("name: dagster\n")
    env = {name: value.format(chart=tmp_path) for name, value in given.items()}
    script = ["bash", HELM / "check.sh"]
    done = subprocess.run(
        script, env={"PATH": "/usr/bin:/bin", **env}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (2, said)
