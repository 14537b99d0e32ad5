"""Spellings of a point in time in delivered files: what is unambiguous is read."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.warehouse import Warehouse
from alumniq_pipelines.services.file_check import check_file
from tests.integration.loading.installation import Installation

Write = Callable[[str | bytes], Path]

EVENTS = FieldMap.model_validate(
    {
        "name": "events",
        "path": "events.csv",
        "schema": {
            "primaryKey": "id",
            "fields": [{"name": "id"}, {"name": "at", "type": "datetime"}],
        },
    }
)
ACCEPTED = {
    "2026-11-28T02:00Z": "2026-11-28 02:00:00",
    "2026-11-28 02:00": "2026-11-28 02:00:00",
    "2026-11-28 02:00:00": "2026-11-28 02:00:00",
    "2026-11-28T02:00:00+0000": "2026-11-28 02:00:00",
    "2026-11-28T02:00:00+00": "2026-11-28 02:00:00",
    "2026-11-28T02:00:00-05:00": "2026-11-28 07:00:00",
    "2026-11-28T02:00:00-0530": "2026-11-28 07:30:00",
    "2026-11-28T02:00:00+05": "2026-11-27 21:00:00",
    "2026-11-28T02:00:00.1234560": "2026-11-28 02:00:00.123456",
    "2026-11-28T02:00:00.1234567": "2026-11-28 02:00:00.123456",
    "2026-11-28T02:00:00.123456789Z": "2026-11-28 02:00:00.123456",
    "2026-11-28t02:00:00z": "2026-11-28 02:00:00",
    "2026-11-28 02:00:00 +00:00": "2026-11-28 02:00:00",
    "2026-11-28 02:00:00.0000000 +05:45": "2026-11-27 20:15:00",
    "2026-11-28 02:00:00 UTC": "2026-11-28 02:00:00",
    "2026-11-28T02:00:00+05:45": "2026-11-27 20:15:00",
    "0001-01-01T00:00:00": "0001-01-01 00:00:00",
    "1900-01-01T00:00:00": "1900-01-01 00:00:00",
    "2026-11-28T02:00:00+14:00": "2026-11-27 12:00:00",
    "2026-11-28T02:00:00-12:00": "2026-11-28 14:00:00",
    "2026-11-28T02:00:00-00:00": "2026-11-28 02:00:00",
}
REFUSED = (
    "2026-11-28T24:00:00",
    "2026-11-28T23:59:60Z",
    "2026-11-28",
    "11/28/2026 2:00:00 AM",
    "9999-12-31T23:59:59-05:00",
    "2026-02-29T00:00:00",
    "2026-11-28T02:00:00 ",
    " 2026-11-28T02:00:00",
    "2026-11-28T02:00:00+15:00",
    "2026-11-28T02:00:00+24:00",
    "2026-11-28T02:00:00+01:60",
    "2026-11-28T02:00:00+0160",
)


def lines(texts: object) -> str:
    assert isinstance(texts, dict | tuple)
    return "id,at\n" + "".join(f"{row:02},{text}\n" for row, text in enumerate(texts))


def test_every_unambiguous_spelling_is_published_as_its_time_in_utc(
    tmp_path: Path, warehouse: Warehouse
) -> None:
    installation = Installation(tmp_path / "installation", EVENTS, warehouse)
    installation.deliver(lines(ACCEPTED))
    installation.publish()
    _, rows = warehouse.query("iqu", "qa", 'select "at" from events order by id')
    assert rows == [(datetime.fromisoformat(text),) for text in ACCEPTED.values()]


def test_what_may_mean_something_else_is_rejected(write: Write) -> None:
    result = check_file(write(lines(REFUSED)), EVENTS)
    assert [(error.line, error.code) for error in result.errors] == [
        (line, "type") for line, _ in enumerate(REFUSED, start=2)
    ]


@pytest.mark.parametrize("kind", ["datetime", "time"])
def test_digits_beyond_the_microsecond_are_cut_with_a_note(write: Write, kind: str) -> None:
    fields = [{"name": "id"}, {"name": "at", "type": kind}]
    field_map = EVENTS.model_validate(
        {"name": "events", "path": "events.csv", "schema": {"fields": fields}}
    )
    day = "2026-11-28 " if kind == "datetime" else ""
    fractions = (".123456", ".1234560", ".1234567", ".0000000", ".000000001")
    result = check_file(
        write(lines(tuple(f"{day}02:00:00{fraction}" for fraction in fractions))), field_map
    )
    assert result.outcome == "clean"
    [note] = result.warnings
    assert (note.code, note.severity, note.count, note.first_line) == ("precision", "note", 2, 4)
    assert note.message == "`at` has digits beyond the microsecond, which are not published"
