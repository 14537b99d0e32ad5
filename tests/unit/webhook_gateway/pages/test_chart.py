from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Version
from webhook_gateway.pages.chart import HEIGHT, WIDTH, bars

TARGET = Target("iqu", Environment.QA, "warehouse")


def version(number: int, rows: int) -> Version:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    return Version(
        target=TARGET,
        number=number,
        job_id=JobId(f"load {number}"),
        rows=rows,
        sha256="0" * 64,
        etag=None,
        relation="table",
        published_at=at,
    )


@given(st.lists(st.tuples(*[st.integers(0, 10**9)] * 4), max_size=20))
def test_bars_stay_inside_the_chart_and_run_from_old_to_new(
    drawn: list[tuple[int, int, int, int]],
) -> None:
    newest_first = [version(number, rows) for number, (rows, *_) in enumerate(drawn)][::-1]
    changes = {
        JobId(f"load {number}"): Changes(added, changed, removed, 0)
        for number, (_, added, changed, removed) in enumerate(drawn)
    }
    result = bars(newest_first, changes)
    assert [bar.version.rows for bar in result] == [rows for rows, *_ in drawn]
    for bar in result:
        assert bar.x + bar.width <= WIDTH
        for y, height in [(bar.y, bar.height), *((part.y, part.height) for part in bar.parts)]:
            assert y >= 0
            assert y + height <= HEIGHT + 0.2


def test_a_bar_shows_whether_it_belongs_to_the_load_and_what_changed() -> None:
    changes = Changes(1, 2, 3, 4)
    result = bars([version(2, 90), version(1, 100)], {JobId("load 2"): changes}, JobId("load 2"))
    assert [bar.is_this for bar in result] == [False, True]
    assert [bar.changes for bar in result] == [None, changes]
    assert [part.rows for part in result[1].parts] == [1, 2, 3]
