"""What a check says of the files in `tests/cases`, each as exporters write it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from alumniq_pipelines.adapters.field_maps import read_field_map
from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.core.feeds.field_map import FieldMap, Thresholds
from alumniq_pipelines.core.loads.load_result import Refused
from alumniq_pipelines.core.problems.file import format_faults
from alumniq_pipelines.services.file_check import FileCheckResult, check_file
from alumniq_pipelines.settings import REPOSITORY
from tests.integration.loading.installation import Installation
from tests.strict_catalog import read_catalog

CASES = REPOSITORY / "tests" / "cases"
CATALOG = read_catalog(REPOSITORY / "schemas")
ABSENT = "Optional columns are missing from the file"
RESPELLED = "Columns were matched despite a different spelling"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is found in a file, and words of what is said.

    `errors` are lines and codes in the order of the file; of each code, the first error has all
    words of `says`. `remarks` are of the warnings and notes, one for each, in their order.
    """

    accepted: int = 0
    errors: Sequence[tuple[int | None, str]] = ()
    says: Mapping[str, Sequence[str]] | None = None
    remarks: Sequence[str] = ()
    feed: str = "warehouse"


VERDICTS = {
    "header-underscores.csv": Verdict(
        accepted=1,
        remarks=["`FIRST_NAME` as `firstName`, `LAST_NAME` as `lastName`", ABSENT],
    ),
    "header-in-the-middle.csv": Verdict(
        feed="warehouse-lookups",
        accepted=2,
        errors=[(3, "repeated-header")],
        says={"repeated-header": ["repeats the header", "where files are joined"]},
        remarks=[ABSENT],
    ),
    "header-quoting.csv": Verdict(
        errors=[(1, "broken-quoting")],
        says={"broken-quoting": ["On line 1, text follows a closing", "double those inside it"]},
    ),
    "rule-under-header.csv": Verdict(
        accepted=2,
        errors=[(2, "separator-line")],
        says={"separator-line": ["consists of dashes", "Turn off the lines below the column"]},
        remarks=[
            "`xid` has blanks before or behind its value (2 rows, first on line 3)",
            RESPELLED,
            ABSENT,
        ],
    ),
    "footer.csv": Verdict(
        accepted=3,
        errors=[(5, "blank-row"), (6, "report-line"), (7, "blank-row"), (8, "report-line")],
        says={"report-line": ["a footer or a message of the export", "Turn off totals, footers"]},
        remarks=[ABSENT],
    ),
    "total-line.csv": Verdict(
        accepted=3,
        errors=[(5, "report-line")],
        says={"report-line": ["The line is a total", "Turn off totals, footers"]},
        remarks=[ABSENT],
    ),
    "keys-scientific.csv": Verdict(
        errors=[(line, "damaged-key") for line in range(2, 152)],
        says={"damaged-key": ["`xid` is a number in scientific", "Export the column as text"]},
        remarks=["Nearly all rows of the file (150 of 150) have the same problem: `xid`", ABSENT],
    ),
    "keys-decimal.csv": Verdict(
        errors=[(2, "type"), (2, "damaged-key"), (3, "type"), (3, "damaged-key")],
        says={
            "damaged-key": ["`xid` is a number with a decimal point", "Export it as text"],
            "type": ["`isMember` is not a whole number"],
        },
        remarks=[ABSENT],
    ),
    "keys-padded.csv": Verdict(
        accepted=150,
        remarks=[
            "`xid` has blanks before or behind its value (150 rows, first on line 2)",
            "Nearly all rows of the file (150 of 150) have the same problem: `xid`",
            ABSENT,
        ],
    ),
    "keys-as-formula.csv": Verdict(
        errors=[(2, "broken-quoting")],
        says={"broken-quoting": ["On line 2, a value is written as a formula", 'not ="0001"']},
    ),
    "key-null-word.csv": Verdict(
        accepted=1,
        errors=[(2, "damaged-key")],
        says={"damaged-key": ["stands for a missing value", "Fill in the value, or leave"]},
        remarks=[ABSENT],
    ),
    "key-of-blanks.csv": Verdict(
        accepted=1,
        errors=[(2, "required")],
        says={"required": ["`xid` is blank", "Fill in the value, or leave the row out"]},
        remarks=[ABSENT],
    ),
    "key-zero-width.csv": Verdict(
        accepted=2, remarks=["`xid` contains invisible characters (1 row, line 3)", ABSENT]
    ),
    "lost-characters.csv": Verdict(
        accepted=1,
        remarks=[
            "`lastName` contains the replacement character (U+FFFD) in 1 row (line 2)",
            "`city` contains the replacement character (U+FFFD) in 1 row (line 2)",
            ABSENT,
        ],
    ),
    "double-encoded.csv": Verdict(
        accepted=1,
        remarks=[
            "a program has probably read UTF-8 as Windows-1252",
            "a program has probably read UTF-8 as Windows-1252",
            ABSENT,
        ],
    ),
    "delimiter-at-row-ends.csv": Verdict(
        errors=[(line, "trailing-delimiter") for line in (2, 3, 4)],
        says={"trailing-delimiter": ["one empty value more", "the delimiter behind the last"]},
        remarks=[ABSENT],
    ),
    "end-mark.csv": Verdict(accepted=3, remarks=[ABSENT, "end mark (Ctrl-Z); it was ignored"]),
    "macos.zip": Verdict(accepted=3, remarks=[ABSENT]),
    "tar.csv.gz": Verdict(
        errors=[(None, "foreign-format")],
        says={"foreign-format": ["a tar archive, packed in gzip", "compressed once with gzip"]},
    ),
    "deflate64.zip": Verdict(
        errors=[(None, "unusual-zip-method")],
        says={"unusual-zip-method": ["compressed by Deflate64", "Windows Explorer uses Deflate64"]},
    ),
    "datetimes.csv": Verdict(
        feed="events",
        accepted=15,
        errors=[
            *((line, "type") for line in (7, 8, 15)),
            (16, "ragged-row"),
            *((line, "type") for line in (17, 19, 20, 22, 23, 25, 26, 28)),
        ],
        says={
            "type": ["`at` is not a date with a time", "YYYY-MM-DDThh:mm:ss"],
            "ragged-row": ["3 values"],
        },
        remarks=["`at` has digits beyond the microsecond", ABSENT],
    ),
}


def feed_of(verdict: Verdict) -> FieldMap:
    if verdict.feed == "events":
        return read_field_map(CASES / "datetimes.yaml")
    return CATALOG.feed(verdict.feed)


def remarks(result: FileCheckResult) -> list[str]:
    return [*(f"{warning} {warning.advice}" for warning in result.warnings), *result.notes]


@pytest.mark.parametrize("name", VERDICTS)
def test_a_file_of_an_exporter_is_judged_by_what_is_in_it(name: str) -> None:
    verdict = VERDICTS[name]
    result = check_file(CASES / name, feed_of(verdict))
    assert [(error.line, error.code) for error in result.errors] == list(verdict.errors)
    assert result.rows_accepted == verdict.accepted
    for code, phrases in (verdict.says or {}).items():
        error = next(error for error in result.errors if error.code == code)
        for phrase in phrases:
            assert phrase in f"{error.message}. {error.advice}"
    for remark, phrase in zip(remarks(result), verdict.remarks, strict=True):
        assert phrase in remark


def test_every_case_has_its_verdict() -> None:
    files = {path.name for path in CASES.iterdir() if path.is_file()}
    assert files == {*VERDICTS, "README.md", "datetimes.yaml"}


@pytest.fixture
def nights(tmp_path: Path) -> Installation:
    return Installation(tmp_path, CATALOG.feed("warehouse"), DuckDBWarehouse(tmp_path / "live"))


def test_four_nights_of_a_renamed_column_lose_no_value(nights: Installation) -> None:
    """The second and the third were published once, without any of the e-mail addresses."""
    files = sorted((CASES / "column-renamed").iterdir())
    query = "SELECT emailAddress FROM warehouse WHERE emailAddress IS NOT NULL ORDER BY xid"
    addresses = [("ann@example.edu",), ("cy@example.edu",), ("di@example.edu",)]

    nights.deliver(files[0].read_bytes())
    assert nights.publish(1, thresholds=Thresholds()).version.rows == 5

    nights.deliver(files[1].read_bytes())
    second = nights.publish(2, thresholds=Thresholds())
    assert "`EMAIL_ADDRESS` as `emailAddress`" in second.check_result.notes[0]
    assert second.changes is not None
    assert (second.changes.changed, second.changes.unchanged) == (0, 5)
    assert nights.warehouse.query("iqu", "qa", query)[1] == addresses

    nights.deliver(files[2].read_bytes())
    third = nights.load(3, thresholds=Thresholds())
    assert isinstance(third, Refused)
    (fault,) = format_faults(third.problem)
    assert fault == (
        "The file has no column `emailAddress`, but has the unknown column `Email`, which is "
        "probably meant to be it. If so, rename `Email` to `emailAddress` in your export. If it "
        "contains something else, leave it out, or send a column `emailAddress` as well."
    )

    nights.deliver(files[3].read_bytes())
    (reason,) = nights.hold(4, Thresholds()).reasons
    assert reason == (
        "The column `emailAddress` was filled in 60 % of the rows of the live version and is "
        "absent from this file."
    )
    assert nights.warehouse.query("iqu", "qa", query)[1] == addresses
