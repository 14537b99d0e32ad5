"""Faults of columns whose numbers are published exactly, and of numbers that YAML would shorten."""

from pathlib import Path

import pytest

from alumniq_pipelines.adapters.field_maps import read_field_map
from alumniq_pipelines.core.problems.setup import FieldMapProblem

GOOD = """\
name: gifts
path: gifts.csv
schema:
  fields:
    - name: amount
      type: number
      example: "25.00"
      constraints: {minimum: 0.01, maximum: "12345678901234567.89"}
      alumniq: {decimals: 2, default: 1}
"""


def read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "gifts.yaml"
    path.write_text(text, encoding="utf-8")
    read_field_map(path)


def test_numbers_with_decimals_are_described_exactly(tmp_path: Path) -> None:
    read(tmp_path, GOOD)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("decimals: 2", "decimals: 19", "`decimals` must be at most 18"),
        ("decimals: 2", "decimals: -1", "`decimals` must be at least 0"),
        ("decimals: 2", 'decimals: "2"', "`decimals` must be a whole number, without quotes"),
        (
            GOOD[GOOD.index("type:") :],
            "alumniq: {decimals: 2}\n",
            "`decimals` does not apply to type string; leave it out",
        ),
        ('"25.00"', '"25.001"', "`example` is no number with `decimals: 2`"),
        ('"25.00"', "25.001", "`example` is no number with `decimals: 2`"),
        ("0.01", "0.001", "`minimum` is no number with `decimals: 2` as it would stand in the"),
        ("{minimum: 0.01", "{enum: [1.005]", "`enum` holds what is no number with `decimals: 2`"),
        ("default: 1", "default: 0.005", "`default` is no number with `decimals: 2`"),
        (
            '"12345678901234567.89"',
            "12345678901234567.89",
            "YAML reads `12345678901234567.89` as a number of fewer digits; write it in quotes",
        ),
        ("decimals: 2, ", "", "`maximum` has more digits than its published number keeps"),
    ],
)
def test_what_does_not_fit_is_a_fault(old: str, new: str, fault: str, tmp_path: Path) -> None:
    assert old in GOOD
    with pytest.raises(FieldMapProblem) as caught:
        read(tmp_path, GOOD.replace(old, new, 1))
    [found] = caught.value.faults
    assert fault in found
