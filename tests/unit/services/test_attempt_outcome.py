"""How an attempt that failed through a fault of ours is recorded, and whether one follows."""

import pytest

from alumniq_pipelines.core.loads.load import MAX_ATTEMPTS
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.problems.command import UnknownCustomer
from alumniq_pipelines.core.problems.outage import UnexpectedFault, WarehouseUnavailable
from alumniq_pipelines.core.problems.problem import Problem
from alumniq_pipelines.services.attempt_outcome import AttemptFailed


@pytest.mark.parametrize("problem", [WarehouseUnavailable("Away."), UnexpectedFault("a1b2")])
def test_an_outage_is_retried_while_attempts_are_left(problem: Problem) -> None:
    for tries in range(1, MAX_ATTEMPTS + 1):
        failed = AttemptFailed(number=tries, problem=problem, tries=tries, tries_in_run=1)
        assert failed.result is AttemptResult.OUTAGE
        assert failed.errors == (str(problem),)
        assert failed.is_retryable is (tries < MAX_ATTEMPTS)


def test_a_fault_of_our_setup_is_not_retried() -> None:
    failed = AttemptFailed(number=1, problem=UnknownCustomer("iqu"), tries=1, tries_in_run=1)
    assert failed.result is AttemptResult.MISCONFIGURED
    assert not failed.is_retryable
