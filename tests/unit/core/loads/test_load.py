import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.core.loads.load import (
    ALLOWED_TRANSITIONS,
    FINAL_STATES,
    UNDERWAY_STATES,
    LoadState,
    new_job_id,
    states_before,
)

STATES = st.sampled_from(LoadState)


def test_a_job_id_is_a_cfml_uuid() -> None:
    assert re.fullmatch(r"[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{16}", new_job_id())
    assert len(new_job_id()) == 35


def test_job_ids_do_not_repeat() -> None:
    assert len({new_job_id() for _ in range(1_000)}) == 1_000


def test_every_state_has_its_moves() -> None:
    assert set(ALLOWED_TRANSITIONS) == set(LoadState)


@pytest.mark.parametrize("state", sorted(FINAL_STATES))
def test_nothing_follows_a_final_state(state: LoadState) -> None:
    assert ALLOWED_TRANSITIONS[state] == frozenset()


@given(STATES, STATES)
def test_the_states_before_are_the_legal_moves_read_backwards(
    start: LoadState, end: LoadState
) -> None:
    assert (start in states_before(end)) is (end in ALLOWED_TRANSITIONS[start])


def test_a_load_can_fail_from_wherever_it_is() -> None:
    assert states_before(LoadState.FAILED) == set(LoadState) - FINAL_STATES


def test_a_held_load_succeeds_by_another_run_only() -> None:
    assert states_before(LoadState.SUCCEEDED) == UNDERWAY_STATES
