"""Columns of every type with every constraint, and texts that are values of them, or nearly."""

from datetime import UTC, datetime
from typing import get_args

from hypothesis import strategies as st

from alumniq_pipelines.core.feeds.field_map import Column, ReferenceSet
from tests.odd_texts import ODD_TEXTS


def referring(reference: str, **constraints: object) -> Column:
    return Column.model_validate(
        {"name": "c", "constraints": constraints, "alumniq": {"reference": reference}}
    )


def column(kind: str, form: str = "default", **constraints: object) -> Column:
    return Column.model_validate(
        {"name": "c", "type": kind, "format": form, "constraints": constraints}
    )


def exact(decimals: int, **constraints: object) -> Column:
    return Column.model_validate(
        {
            "name": "c",
            "type": "number",
            "constraints": constraints,
            "alumniq": {"decimals": decimals},
        }
    )


COLUMNS = (
    column("string", min_length=2),
    column("string", max_length=3),
    column("string", pattern="[A-Z]{2}|x.z"),
    column("string", pattern="[^a]+", max_length=5),
    column("string", enum=["USA", "it's", 'a"b', "é"]),
    column("integer"),
    column("integer", minimum=-5, maximum=70_000),
    column("integer", enum=[1, 2]),
    column("number"),
    column("number", minimum=0.1, maximum=1e300),
    column("number", enum=[1, 0.5]),
    exact(0),
    exact(1, minimum=-0.5, maximum=70_000),
    exact(2),
    exact(2, minimum=0.01, maximum="12345678901234567.89"),
    exact(2, enum=[1, 0.5, "25.00"]),
    exact(18),
    column("boolean"),
    column("date"),
    column("date", minimum="1999-12-31", maximum="2024-02-29"),
    column("date", "%d/%m/%Y"),
    column("date", "%Y%m%d", minimum="20000101"),
    column("date", "%d.%m.%Y %%"),
    column("datetime"),
    column("datetime", minimum="2020-01-01T00:00:00Z"),
    column("datetime", "%Y-%m-%d %H:%M"),
    column("datetime", "%m/%d/%YT%H:%M:%S"),
    column("time"),
    column("time", minimum="08:00", maximum="18:00:00"),
    column("time", enum=["00:00", "14:05:00"]),
    column("time", "%H%M", maximum="1405"),
    column("time", "%H.%M.%S"),
    column("year"),
    column("year", minimum=1900, maximum=2100),
    *(referring(reference_set) for reference_set in get_args(ReferenceSet)),
    referring("email", max_length=10, pattern="a.*"),
)

DIGITS = st.text("0123456789+-.eE:/ TZ_x\n", max_size=20)
ODD = st.sampled_from(ODD_TEXTS)
NUMBERS = st.from_regex(r"[+-]?[0-9]{0,40}\.?[0-9]{0,20}([eE][+-]?[0-9]{1,3})?", fullmatch=True)
ROUNDED = st.floats(allow_nan=False, allow_infinity=False).flatmap(
    lambda number: st.sampled_from([f"{number}", f"{number:.15g}", f"{number:.18g}", f"{number:f}"])
)
MOMENTS = st.from_regex(
    r"(20|00|99)[0-9]{2}-(0[1-9]|1[0-2])-[0-3][0-9][Tt ][0-2][0-9]:[0-5][0-9]"
    r"(:[0-6][0-9](\.[0-9]{0,10})?)? ?(Z|z|UTC|[+-][01][0-9](:?[0-6][0-9])?)?",
    fullmatch=True,
)
"""Texts that are numbers and points in time, or nearly."""
TEXTS = st.lists(
    ODD | DIGITS | NUMBERS | ROUNDED | MOMENTS | st.text(max_size=6), min_size=1, max_size=30
).map(lambda texts: [text for text in texts if "\0" not in text])


def plain(value: object) -> object:
    """Return a point in time as it is stored: in UTC, without a zone."""
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value
