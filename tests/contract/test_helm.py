"""The Helm chart, rendered by Helm's engine and held against Kubernetes' schemas and our own code.

There is no cluster where these tests run: nothing is installed. KEDA's schema is not at hand, so
its ScaledObject is compared with what it refers to alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from service.app import create_app
from service.domain.job import JobKind
from service.settings import Settings
from tests.contract.test_compose import options_of

helm = pytest.importorskip("helm_python", reason="helm-python-sdk has no wheel for this machine")

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "synthcxr"
RELEASE = "demo"
EVERYTHING = {
    "radiographs": {"existingClaim": "radiographs"},
    "data": {"storageClassName": "fast"},
    "keda": {"enabled": True},
    "network": {"others": [{"peers": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "port": 443}]},
}
LEAST = {
    "data": {"existingClaim": "mine"},
    "secret": {"keys": {"databasePassword": "password", "brokerPassword": ""}},
}
VALUES = {"defaults": {}, "everything": EVERYTHING, "least": LEAST}

Resource = dict[str, Any]


def rendered(values: dict[str, Any]) -> list[Resource]:
    with helm.Chart.load(str(CHART)) as chart:
        manifests = chart.render(values, name=RELEASE, namespace="synthcxr")
    documents = [
        document
        for name, text in manifests.items()
        if name.endswith(".yaml")
        for document in yaml.safe_load_all(text)
    ]
    return [document for document in documents if document]


@pytest.fixture(scope="module", params=VALUES)
def resources(request: pytest.FixtureRequest) -> list[Resource]:
    return rendered(VALUES[request.param])


def pods(resources: list[Resource]) -> Iterator[tuple[str, Resource]]:
    """Yield the name and pod template of each workload."""
    for each in resources:
        if each["kind"] in {"Deployment", "Job"}:
            yield each["metadata"]["name"], each["spec"]["template"]


def containers(resources: list[Resource]) -> Iterator[tuple[str, Resource]]:
    for name, template in pods(resources):
        for container in template["spec"]["containers"]:
            yield name, container


def matches(selector: Resource, labels: Resource) -> bool:
    return selector["matchLabels"].items() <= labels.items()


def test_helm_s_linter_finds_no_fault() -> None:
    found = helm.lint(str(CHART))
    assert found["errors"] == []
    assert [each for each in found["messages"] if "icon" not in each["error"]] == []


@pytest.mark.parametrize("version", ["1.29", "1.37"])
def test_every_resource_fits_the_schema_of_kubernetes(
    resources: list[Resource], version: str
) -> None:
    kinds = {each["kind"] for each in resources}
    assert {"Deployment", "Service", "Job", "NetworkPolicy", "PodDisruptionBudget"} <= kinds
    for each in resources:
        if each["kind"] != "ScaledObject":
            kubernetes_validate.validate(each, version, strict=True)


def test_every_command_is_one_that_the_command_line_offers(resources: list[Resource]) -> None:
    seen = {container["args"][0] for _, container in containers(resources)}
    assert seen == {"api", "scheduler", "worker", "migrate"}
    for _, container in containers(resources):
        options_of(container["args"])


def test_the_workers_together_serve_every_queue_once(resources: list[Resource]) -> None:
    served: list[str] = []
    for _, container in containers(resources):
        if container["args"][0] == "worker":
            served += options_of(container["args"])["queues"].split(",")
    assert sorted(served) == sorted(kind.queue for kind in JobKind)


def test_every_variable_is_one_that_the_service_reads(resources: list[Resource]) -> None:
    known = {f"SYNTHCXR_{field}".upper() for field in Settings.model_fields}
    known |= {f"{name}_FILE" for name in known} | {"HOME"}
    for _, container in containers(resources):
        assert {each["name"] for each in container["env"]} <= known


def test_no_secret_becomes_a_variable(resources: list[Resource]) -> None:
    for _, container in containers(resources):
        for variable in container["env"]:
            assert "valueFrom" not in variable
            assert not variable["name"].endswith("PASSWORD")
    for name, template in pods(resources):
        [secret] = [each["secret"] for each in template["spec"]["volumes"] if "secret" in each]
        files = {f"/secrets/{item['path']}" for item in secret["items"]}
        [container] = template["spec"]["containers"]
        named = {each["value"] for each in container["env"] if each["name"].endswith("_FILE")}
        assert named == files, name


def test_every_container_runs_with_nothing_to_spare(resources: list[Resource]) -> None:
    for name, template in pods(resources):
        pod = template["spec"]
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["automountServiceAccountToken"] is False
        # or a Service named synthcxr would set SYNTHCXR_PORT
        assert pod["enableServiceLinks"] is False
    for name, container in containers(resources):
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"], name
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]


def test_every_mount_has_its_volume_and_the_radiographs_are_read_only(
    resources: list[Resource],
) -> None:
    for name, template in pods(resources):
        volumes = {each["name"] for each in template["spec"]["volumes"]}
        [container] = template["spec"]["containers"]
        mounts = {each["name"]: each for each in container["volumeMounts"]}
        assert mounts.keys() <= volumes, name
        assert mounts["tmp"]["mountPath"] == "/tmp"  # noqa: S108 - the container's own
        if "radiographs" in mounts:
            assert mounts["radiographs"]["readOnly"]


def test_the_probes_ask_routes_that_the_api_has(resources: list[Resource], tmp_path: Path) -> None:
    document = yaml.load(
        create_app(Settings(data_dir=tmp_path)).state.openapi_yaml(), Loader=yaml.CSafeLoader
    )
    [api] = [container for name, container in containers(resources) if name == f"{RELEASE}-api"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert api[probe]["httpGet"]["path"] in document["paths"]
    # a database that is away must not kill the API
    assert api["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert options_of(api["args"])["port"] == api["ports"][0]["containerPort"]


def test_every_selector_finds_its_pods_and_no_others(resources: list[Resource]) -> None:
    labels = {name: template["metadata"]["labels"] for name, template in pods(resources)}
    for each in resources:
        name, spec = each["metadata"]["name"], each["spec"]
        if each["kind"] in {"Deployment", "PodDisruptionBudget"}:
            found = [pod for pod, given in labels.items() if matches(spec["selector"], given)]
            assert found == [name]
        if each["kind"] == "Service":
            selector = {"matchLabels": spec["selector"]}
            assert [pod for pod in labels if matches(selector, labels[pod])] == [name]


def test_only_the_api_can_be_reached_and_every_pod_is_under_a_policy(
    resources: list[Resource],
) -> None:
    policies = {
        each["metadata"]["name"]: each["spec"]
        for each in resources
        if each["kind"] == "NetworkPolicy"
    }
    everyone, api = policies[RELEASE], policies[f"{RELEASE}-api"]
    assert set(everyone["policyTypes"]) == {"Ingress", "Egress"}
    assert "ingress" not in everyone
    for name, template in pods(resources):
        labels = template["metadata"]["labels"]
        assert matches(everyone["podSelector"], labels)
        assert matches(api["podSelector"], labels) == (name == f"{RELEASE}-api")
    assert all("to" in rule and rule["to"] for rule in everyone["egress"])


def test_the_schema_is_brought_up_before_a_version_runs(resources: list[Resource]) -> None:
    [job] = [each for each in resources if each["kind"] == "Job"]
    hooks = job["metadata"]["annotations"]["helm.sh/hook"].split(",")
    assert set(hooks) == {"pre-install", "pre-upgrade"}
    volumes = job["spec"]["template"]["spec"]["volumes"]
    # before an install the chart's own claim is not there: it would wait for ever
    assert not any("persistentVolumeClaim" in each for each in volumes)


def test_keda_scales_deployments_that_exist_by_a_metric_that_exists() -> None:
    resources = rendered(EVERYTHING)
    deployments = {
        each["metadata"]["name"]: each for each in resources if each["kind"] == "Deployment"
    }
    scaled = [each["spec"] for each in resources if each["kind"] == "ScaledObject"]
    assert len(scaled) == 3
    queues = set()
    for each in scaled:
        target = deployments[each["scaleTargetRef"]["name"]]
        assert "replicas" not in target["spec"]  # or every upgrade would undo the scaling
        [trigger] = each["triggers"]
        [container] = target["spec"]["template"]["spec"]["containers"]
        served = options_of(container["args"])["queues"].split(",")
        assert trigger["metadata"]["query"] == (
            f'max(synthcxr_queue_oldest_seconds{{queue=~"{"|".join(served)}"}})'
        )
        queues.update(served)
    assert queues == {kind.queue for kind in JobKind}


def test_a_claim_of_ours_is_kept_when_the_release_goes() -> None:
    [claim] = [each for each in rendered({}) if each["kind"] == "PersistentVolumeClaim"]
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert not [each for each in rendered(LEAST) if each["kind"] == "PersistentVolumeClaim"]
