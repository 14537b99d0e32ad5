"""What was live when a load failed is not said of it later, when other data may be live."""

import pytest

from alumniq_pipelines.core.problems.file import NoRows, RowsRejected
from alumniq_pipelines.core.problems.holding import (
    HoldDiscarded,
    HoldExpired,
    HoldSuperseded,
    LaterFileLoaded,
)
from alumniq_pipelines.core.problems.live_data import (
    LiveData,
    live_data,
    live_sentence,
    without_live_sentence,
)


@pytest.mark.parametrize("live", LiveData)
def test_a_recorded_text_is_left_without_what_was_live_then(live: LiveData) -> None:
    for problem in (
        RowsRejected(1, 2, live),
        HoldDiscarded(["Half of the rows would go."], "wrong export", live),
        HoldExpired(["Half of the rows would go."], 7, live),
    ):
        text = str(problem)
        assert live_sentence(live) in text
        rest = without_live_sentence(text)
        assert live_sentence(live) not in rest
        assert "  " not in rest
        assert rest == rest.strip()
        assert " ".join(text.replace(live_sentence(live), "").split()) == rest


def test_a_text_that_says_nothing_about_live_data_stays_as_it_is() -> None:
    text = "`xid` is blank  (1 row,\nline 2) "
    assert without_live_sentence(text) == text
    assert without_live_sentence(live_sentence(LiveData.NONE)) == ""


@pytest.mark.parametrize("problem", [HoldSuperseded(["Too many."]), LaterFileLoaded()])
def test_what_is_recorded_of_a_later_file_stays_true_after_a_rollback(problem: Exception) -> None:
    assert "went live" in str(problem)
    assert "is live" not in str(problem)


def test_a_file_without_rows_is_refused_in_words_that_are_true_of_a_first_load() -> None:
    """It once said that loading it would empty the table, which did not exist yet."""
    assert "your table" not in str(NoRows())
    assert "previous" not in str(NoRows())


@pytest.mark.parametrize(
    ("newest", "live"), [(None, LiveData.NONE), (6, LiveData.PREVIOUS), (8, LiveData.OTHER)]
)
def test_whose_data_is_live_follows_from_the_newest_version(
    newest: int | None, live: LiveData
) -> None:
    assert live_data(7, newest) is live
