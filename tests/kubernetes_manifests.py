"""The manifests of deploy/kubernetes, as they are applied."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml

from alumniq_pipelines.settings import REPOSITORY

FOLDER = REPOSITORY / "deploy" / "kubernetes"


@cache
def all_manifests() -> list[dict[str, Any]]:
    """Return all documents of all files."""
    return [
        document
        for path in sorted(FOLDER.rglob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text("utf-8"))
    ]


def manifests(kind: str) -> list[dict[str, Any]]:
    """Return the documents of a kind."""
    return [document for document in all_manifests() if document["kind"] == kind]


def named(kind: str) -> Mapping[str, dict[str, Any]]:
    """Return the documents of a kind by their names."""
    return {document["metadata"]["name"]: document for document in manifests(kind)}


def templates() -> Mapping[str, dict[str, Any]]:
    """Return the pods of Deployments and Jobs, by the name of their component."""
    documents = [*manifests("Deployment"), *manifests("Job")]
    pods = [document["spec"]["template"] for document in documents]
    return {pod["metadata"]["labels"]["app.kubernetes.io/component"]: pod for pod in pods}
