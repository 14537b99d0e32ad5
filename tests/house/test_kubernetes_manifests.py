"""deploy/kubernetes: accepted by the API's schemas, consistent, and with no right too many."""

import tomllib
from typing import Any

import kubernetes_validate
import pytest

from alumniq_pipelines.cli.dagster_configuration import check_profile
from alumniq_pipelines.cli.supervisor import STOP_SECONDS
from alumniq_pipelines.cli.up import NAMES
from alumniq_pipelines.settings import REPOSITORY, Settings
from tests.kubernetes_manifests import all_manifests, manifests, named, templates

VERSIONS = ("1.32", "1.37")
"""Of Kubernetes: the oldest that the manifests are meant for, and the newest that is known here."""
COMPONENTS = sorted(templates())


def container_of(component: str) -> dict[str, Any]:
    """Return the only container of a component's pods."""
    [container] = templates()[component]["spec"]["containers"]
    assert isinstance(container, dict)
    return container


def identity(document: dict[str, Any]) -> str:
    metadata = document["metadata"]
    return f"{document['kind']} {metadata.get('name') or metadata['generateName']}"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("document", all_manifests(), ids=identity)
def test_kubernetes_accepts_a_manifest(document: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(document, version, strict=True)


def test_every_role_but_the_worker_has_a_deployment_and_gateways_are_two() -> None:
    deployments = named("Deployment")
    roles = {container_of(name)["args"][3]: name for name in deployments}
    assert set(roles) == set(NAMES) - {"worker"}  # each run has a pod of its own
    assert all(container_of(name)["args"][:3] == ["alumniq", "up", "--only"] for name in roles)
    replicas = {name: it["spec"]["replicas"] for name, it in deployments.items()}
    assert replicas == {"gateway": 2, "code": 1, "web": 1, "daemon": 1}


@pytest.mark.parametrize("component", COMPONENTS)
def test_the_settings_of_a_pod_are_complete(
    component: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = container_of(component)
    [config_map, secret] = container["envFrom"]
    variables = named("ConfigMap")[config_map["configMapRef"]["name"]]["data"]
    variables = variables | named("Secret")[secret["secretRef"]["name"]]["stringData"]
    own = {entry["name"]: entry.get("value", "the-namespace") for entry in container.get("env", [])}
    for name, value in (variables | own).items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    check_profile(settings)
    assert settings.launcher == "k8s"
    assert (settings.k8s_config_map, settings.k8s_secret) == ("alumniq", "alumniq")
    if component in {"code", "web", "daemon"}:
        assert settings.k8s_namespace == "the-namespace"


def test_all_pods_have_the_image_of_this_version() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    images = {container_of(component)["image"] for component in COMPONENTS}
    assert images == {named("ConfigMap")["alumniq"]["data"]["ALUMNIQ_K8S_IMAGE"]}
    assert images.pop().rpartition(":")[2] == project["version"]


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_pod_complies_with_the_restricted_pod_security_standard(component: str) -> None:
    pod, container = templates()[component]["spec"], container_of(component)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert all(set(volume) == {"name", "emptyDir"} for volume in pod["volumes"])
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounted == {"/var/lib/alumniq", "/tmp"}
    assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("component", COMPONENTS)
def test_only_dagsters_programs_have_a_token_of_the_cluster(component: str) -> None:
    pod = templates()[component]["spec"]
    may_launch = component in {"code", "web", "daemon"}
    assert pod["automountServiceAccountToken"] is may_launch
    assert pod["serviceAccountName"] == ("alumniq-dagster" if may_launch else "alumniq")
    assert set(named("ServiceAccount")) == {"alumniq", "alumniq-dagster", "alumniq-run"}
    [binding] = manifests("RoleBinding")
    assert [subject["name"] for subject in binding["subjects"]] == ["alumniq-dagster"]


@pytest.mark.parametrize("component", COMPONENTS)
def test_variables_of_services_are_not_taken_for_settings(component: str) -> None:
    """For a Service `alumniq-gateway` there would be ALUMNIQ_GATEWAY_PORT=tcp://10.0.0.1:80."""
    assert templates()[component]["spec"]["enableServiceLinks"] is False


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_pod_has_the_time_to_stop_its_programs(component: str) -> None:
    pod, lifecycle = templates()[component]["spec"], container_of(component).get("lifecycle", {})
    before = lifecycle.get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert pod["terminationGracePeriodSeconds"] > before + STOP_SECONDS + 10


def selects(selector: dict[str, str], component: str) -> bool:
    labels: dict[str, str] = templates()[component]["metadata"]["labels"]
    return selector.items() <= labels.items()


def test_each_service_leads_to_a_port_of_its_pods() -> None:
    for name, service in named("Service").items():
        assert [it for it in COMPONENTS if selects(service["spec"]["selector"], it)] == [name]
        ports = {port["name"] for port in container_of(name)["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    code, port = named("ConfigMap")["alumniq"]["data"]["ALUMNIQ_CODE_SERVER"].split(":")
    assert int(port) in [it["port"] for it in named("Service")[code]["spec"]["ports"]]


def test_both_public_hosts_lead_to_the_gateway_over_tls() -> None:
    [ingress] = manifests("Ingress")
    hosts = [rule["host"] for rule in ingress["spec"]["rules"]]
    assert hosts == ["feeds.example.edu", "qa-feeds.example.edu"]
    assert [host for tls in ingress["spec"]["tls"] for host in tls["hosts"]] == hosts
    for rule in ingress["spec"]["rules"]:
        [path] = rule["http"]["paths"]
        service = path["backend"]["service"]
        ports = [it["name"] for it in named("Service")[service["name"]]["spec"]["ports"]]
        assert (service["name"], service["port"]["name"] in ports) == ("gateway", True)


def test_one_gateway_stays_while_nodes_are_drained_and_releases_change() -> None:
    [budget] = manifests("PodDisruptionBudget")
    assert budget["spec"]["minAvailable"] == 1
    assert selects(budget["spec"]["selector"]["matchLabels"], "gateway")
    strategy = named("Deployment")["gateway"]["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_only_dagsters_programs_may_reach_the_code_server() -> None:
    """Anyone who reaches its port may start runs: it asks for no password."""
    policies = named("NetworkPolicy")
    assert policies["nobody-by-default"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    [rule] = policies["code-server-from-dagster"]["spec"]["ingress"]
    [source] = rule["from"]
    [expression] = source["podSelector"]["matchExpressions"]
    assert sorted(expression["values"]) == ["daemon", "web"]
    assert rule["ports"] == [{"port": 4000}]
    allowed = [it for it in policies.values() if it["spec"].get("ingress")]
    assert len(allowed) == 2, "The other one is the gateway's."
