"""Dagster's GraphQL API, called as the Dagster UI calls it."""

from dataclasses import dataclass
from typing import Any

import httpx

from alumniq_pipelines.core.loads.target import Target

REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": "alumniq_pipelines"}
SECONDS = 20.0
MAX_RUNS = 10

RUNS = """
query ($statuses: [RunStatus!], $limit: Int) {
  runsOrError(filter: {statuses: $statuses}, limit: $limit) {
    ... on Runs { results { runId } }
  }
}
"""
TERMINATE = """
mutation ($runId: String!, $policy: TerminateRunPolicy) {
  terminateRun(runId: $runId, terminatePolicy: $policy) { __typename }
}
"""
LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) { __typename }
}
"""
REEXECUTE = """
mutation ($params: ReexecutionParams!) {
  launchPipelineReexecution(reexecutionParams: $params) { __typename }
}
"""
BACKFILL = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) { __typename }
}
"""
ACTIVE = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED")
ENDED = ("SUCCESS", "FAILURE", "CANCELED")


@dataclass(frozen=True)
class DagsterApi:
    """The API at the address of a Dagster web server; every action returns whether it was done."""

    url: str

    def runs(self, statuses: tuple[str, ...]) -> list[str]:
        """Return the ids of the newest runs in some statuses; none while Dagster is unavailable."""
        data = self._query(RUNS, {"statuses": list(statuses), "limit": MAX_RUNS})
        return [run["runId"] for run in data.get("runsOrError", {}).get("results", [])]

    def terminate(self, run_id: str, *, at_once: bool) -> bool:
        """Cancel a run; `at_once` marks it as canceled without waiting for its worker."""
        policy = "MARK_AS_CANCELED_IMMEDIATELY" if at_once else "SAFE_TERMINATE"
        data = self._query(TERMINATE, {"runId": run_id, "policy": policy})
        return _is_success(data)

    def materialize(self, target: Target, filename: str | None) -> bool:
        """Materialize a partition by hand, with a file or without."""
        asset = ["feeds", target.feed.replace("-", "_")]
        config = {"filename": filename} if filename else {}
        params = {
            "mode": "default",
            "selector": {
                **REPOSITORY,
                "pipelineName": "__ASSET_JOB",
                "assetSelection": [{"path": asset}],
            },
            "runConfigData": {"ops": {"__".join(asset): {"config": config}}},
            "executionMetadata": {
                "tags": [{"key": "dagster/partition", "value": target.partition_key}]
            },
        }
        return _is_success(self._query(LAUNCH, {"params": params}))

    def reexecute(self, run_id: str) -> bool:
        """Execute an ended run again."""
        params = {"parentRunId": run_id, "strategy": "ALL_STEPS", "useParentRunTags": True}
        return _is_success(self._query(REEXECUTE, {"params": params}))

    def backfill(self, targets: list[Target]) -> bool:
        """Start a backfill over some partitions of one feed."""
        params = {
            "assetSelection": [{"path": ["feeds", targets[0].feed.replace("-", "_")]}],
            "partitionNames": [target.partition_key for target in targets],
            "title": "chaos",
        }
        return _is_success(self._query(BACKFILL, {"params": params}))

    def _query(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        body = {"query": query, "variables": variables}
        try:
            response = httpx.post(f"{self.url}/graphql", json=body, timeout=SECONDS)
            answer: dict[str, Any] = response.raise_for_status().json()
        except (httpx.HTTPError, ValueError):
            return {}
        return answer.get("data") or {}


def _is_success(data: dict[str, Any]) -> bool:
    return any(str(result["__typename"]).endswith("Success") for result in data.values() if result)
