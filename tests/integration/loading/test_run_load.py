"""A load from bucket to warehouse, with the real parts, on both engines."""

import gzip
import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from alumniq_pipelines.checking.check import CheckOptions, check_received_file
from alumniq_pipelines.checking.decompress import DEFAULT_LIMITS, Limits
from alumniq_pipelines.checking.step_timer import StepTimer
from alumniq_pipelines.core.feeds.field_map import FieldMap, Thresholds
from alumniq_pipelines.core.loads.archive import Receipt, received_name
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.load_result import (
    AlreadyPublished,
    DryRun,
    Overtaken,
    Refused,
    Rejected,
    Superseded,
)
from alumniq_pipelines.core.loads.progress import ignore_progress
from alumniq_pipelines.core.loads.publication import NOTHING_NEW
from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.core.problems.file import FileGone, FileProblem
from alumniq_pipelines.core.problems.filename import UnusableFilename
from alumniq_pipelines.core.problems.outage import WarehouseUnavailable
from alumniq_pipelines.core.problems.packing import ExpandsTooFar
from tests.integration.loading.installation import Installation

HEADER = "xid,lastName,visits,born\n"
GOOD = HEADER + "001,Lee,3,1970-05-01\n002,Roe,,\n"
BAD = HEADER + "001,Lee,3,1970-05-01\n002,Roe,x,\n003,Poe,1\n004,Doe,4,\n"


def test_a_good_file_is_published_typed(installation: Installation) -> None:
    installation.deliver(GOOD)
    result = installation.publish()
    assert installation.rows() == [("001", 3, date(1970, 5, 1)), ("002", 0, None)]
    assert result.version.rows == result.check_result.counts.rows_accepted == 2
    assert result.file is not None
    assert result.file.size_bytes == len(GOOD)
    digest = hashlib.sha256(GOOD.encode()).hexdigest()
    assert result.file.receipt.sha256 == result.version.sha256 == digest
    steps = ["fetch", "decompress", "structure", "stage", "check", "profile", "publish"]
    assert list(result.seconds) == steps
    assert [step for step, fraction in installation.progress_calls if fraction == 0] == steps
    assert {step for step, fraction in installation.progress_calls if fraction == 1} == set(steps)


def test_the_file_that_lies_there_now_is_loaded_with_its_own_etag(
    installation: Installation,
) -> None:
    installation.deliver(GOOD)
    result = installation.publish()
    stored = installation.bucket.head("qa/warehouse/iqu.csv")
    assert stored is not None
    assert result.version.etag == stored.etag
    assert result.file is not None
    assert result.file.receipt.etag == stored.etag


def test_rejected_rows_leave_the_live_version_as_it_is(installation: Installation) -> None:
    installation.deliver(GOOD)
    installation.load(1)
    installation.deliver(BAD)
    assert installation.reject(2).check_result.counts.rows_rejected == 2
    assert [row[0] for row in installation.rows()] == ["001", "002"]


def test_a_load_is_compared_with_the_live_version(installation: Installation) -> None:
    installation.deliver(GOOD)
    installation.load()
    installation.deliver(HEADER + "001,Lee,3,1970-05-01\n002,Roe,4,\n003,Poe,,\n")
    changes = installation.publish(number=2).changes
    assert changes is not None
    assert (changes.added, changes.changed, changes.removed, changes.unchanged) == (1, 1, 0, 1)


def test_lost_zeros_are_detected_against_the_live_version_and_listed_as_hold_reasons(
    installation: Installation,
) -> None:
    installation.deliver(GOOD)
    installation.load()
    installation.deliver(GOOD.replace("\n00", "\n"))
    hint = (
        "`xid` has lost leading zeros in 2 rows: padded with zeros to 3 characters, the values "
        "match keys of your live data. Spreadsheets drop leading zeros: format the column as text "
        "before the values are entered, then export the file again."
    )
    result = installation.hold(2, thresholds=Thresholds())
    assert result.check_result.hints == (hint,)
    assert result.reasons[1:] == (hint,)


def test_within_the_budget_the_accepted_rows_are_published(installation: Installation) -> None:
    installation.deliver(BAD)
    assert installation.publish(max_rejected=2).version.rows == 2
    assert installation.rows() == [("001", 3, date(1970, 5, 1)), ("004", 4, None)]


def test_rows_of_a_file_with_too_many_misshapen_rows_are_checked_but_not_stored(
    people: FieldMap, tmp_path: Path, write: Callable[[str], Path]
) -> None:
    """None of it can be published, so only the columns that checks need are staged."""
    path = write(HEADER + "001,Lee,3,\n002,Roe,x,\n003,Poe\n003,Doe,,\n003,Moe,,x\n\n001,Lee,,\n")
    check_results = []
    for max_rejected, is_kept in ((1, False), (2, True)):
        folder = tmp_path / str(max_rejected)
        folder.mkdir()
        options = CheckOptions(stores_rows=True, max_rejected=max_rejected)
        with check_received_file(
            path, people, folder, options, DEFAULT_LIMITS, StepTimer(ignore_progress)
        ) as file:
            assert file.staging.stores_rows is is_kept
            if not is_kept:
                with pytest.raises(ValueError, match="not stored"):
                    file.accept(None)
        check_results.append(file.check_result)
    assert check_results[0] == check_results[1]
    assert check_results[0].counts == Counts(7, 2, 5)


def test_a_table_is_never_emptied_by_a_budget(installation: Installation) -> None:
    installation.deliver(HEADER + "001,,3,\n")
    assert installation.reject(max_rejected=5).check_result.counts.rows_accepted == 0


def test_a_repeated_load_answers_its_own_version(installation: Installation) -> None:
    installation.deliver(GOOD)
    first = installation.publish(1)
    installation.deliver(BAD)
    assert installation.load(1) == AlreadyPublished(version=first.version)


def receipt(installation: Installation, content: str) -> Receipt:
    stored = installation.bucket.head("qa/warehouse/iqu.csv")
    assert stored is not None
    return Receipt(hashlib.sha256(content.encode()).hexdigest(), stored.etag)


def test_a_load_behind_a_later_one_of_the_same_file_is_superseded(
    installation: Installation,
) -> None:
    installation.deliver(GOOD)
    installation.load(5)
    assert installation.load(4) == Superseded(by=5, receipt=receipt(installation, GOOD))
    assert len(installation.rows()) == 2


@pytest.mark.parametrize("content", [HEADER + "009,Old,,\n", HEADER + "009,,,\n", "nonsense\n"])
def test_a_load_behind_a_later_one_of_another_file_is_not_called_loaded(
    installation: Installation, tmp_path: Path, content: str
) -> None:
    """It was a success of 0 rows, whatever was in the file, which nobody had read."""
    installation.deliver(GOOD)
    installation.load(5)
    installation.deliver(content)
    read = receipt(installation, content)
    assert installation.load(4) == Overtaken(by=5, receipt=read)
    assert len(installation.rows()) == 2
    assert installation.archive.get(received_name(read.sha256), tmp_path / "copy")


def test_a_load_behind_a_later_one_that_found_its_file_live_is_compared_with_that_file(
    installation: Installation,
) -> None:
    installation.deliver(GOOD)
    installation.load(1)
    same = installation.load(2, unchanged_after=3)
    assert same == Superseded(by=3, receipt=receipt(installation, GOOD))
    installation.deliver(BAD)
    other = installation.load(2, unchanged_after=3)
    assert other == Overtaken(by=3, receipt=receipt(installation, BAD))


def test_a_load_behind_a_later_one_whose_file_is_gone_is_refused(
    installation: Installation,
) -> None:
    installation.deliver(GOOD)
    installation.load(5)
    (installation.delivered / "iqu.csv").unlink()
    result = installation.load(4)
    assert isinstance(result, Refused)
    assert isinstance(result.problem, FileGone)


def test_a_dry_run_is_checked_whatever_went_live_since(installation: Installation) -> None:
    installation.deliver(GOOD)
    installation.load(5)
    installation.deliver(BAD)
    assert isinstance(installation.load(4, dry_run=True, unchanged_after=5), Rejected)


def test_a_dry_run_is_decided_on_as_a_load_and_has_the_same_reasons(
    installation: Installation,
) -> None:
    installation.deliver(GOOD)
    installation.load(1)
    same = installation.load(2, dry_run=True, thresholds=Thresholds())
    assert isinstance(same, DryRun)
    assert same.hold_reasons == ()
    assert same.check_result.notes[0] == NOTHING_NEW
    installation.deliver(GOOD.replace("\n00", "\n"))
    lost_zeros = installation.load(2, dry_run=True, thresholds=Thresholds())
    assert isinstance(lost_zeros, DryRun)
    held = installation.hold(3, thresholds=Thresholds())
    assert lost_zeros.hold_reasons == held.reasons
    assert "lost leading zeros" in held.reasons[-1]


def test_a_compressed_file_is_known_by_its_content(installation: Installation) -> None:
    packed = gzip.compress(GOOD[:30].encode()) + gzip.compress(GOOD[30:].encode())
    installation.deliver(packed)
    result = installation.publish()
    assert len(installation.rows()) == 2
    assert result.file is not None
    assert result.file.size_bytes == len(packed)
    assert result.file.receipt.sha256 == hashlib.sha256(packed).hexdigest()


def test_customers_do_not_meet(installation: Installation) -> None:
    installation.deliver(GOOD)
    installation.deliver(HEADER + "777,Other,,\n", customer="other")
    installation.load(1)
    installation.load(2, customer="other")
    assert [row[0] for row in installation.rows()] == ["001", "002"]
    assert [row[0] for row in installation.rows("other")] == ["777"]


def test_a_file_that_is_gone_is_reported(installation: Installation) -> None:
    result = installation.load()
    assert isinstance(result, Refused)
    assert isinstance(result.problem, FileGone)
    assert result.receipt is None


def test_an_unusable_file_is_refused_with_its_receipt_and_archived(
    installation: Installation, tmp_path: Path
) -> None:
    content = HEADER + '001,"Lee,3,\n'
    installation.deliver(content)
    result = installation.load()
    assert isinstance(result, Refused)
    assert isinstance(result.problem, FileProblem)
    stored = installation.bucket.head("qa/warehouse/iqu.csv")
    assert stored is not None
    digest = hashlib.sha256(content.encode()).hexdigest()
    assert result.receipt == Receipt(digest, stored.etag)
    assert installation.archive.get(received_name(digest), tmp_path / "copy")


def test_a_filename_that_leads_elsewhere_is_refused(installation: Installation) -> None:
    result = installation.load(customer="../iqu")
    assert isinstance(result, Refused)
    assert isinstance(result.problem, UnusableFilename)
    assert result.receipt is None


def test_a_file_is_archived_also_where_a_fault_of_ours_ends_its_check(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installation.deliver(GOOD)

    def is_away(*_: object) -> None:
        reason = "It is away."
        raise WarehouseUnavailable(reason)

    monkeypatch.setattr(type(installation.warehouse), "live_rows", is_away)
    with pytest.raises(WarehouseUnavailable):
        installation.load()
    digest = hashlib.sha256(GOOD.encode()).hexdigest()
    assert installation.archive.get(received_name(digest), tmp_path / "copy")


def test_a_file_is_archived_before_its_rows_are_published(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installation.deliver(GOOD)
    digest = hashlib.sha256(GOOD.encode()).hexdigest()
    archived: list[bool] = []
    publish = type(installation.warehouse).publish

    def look_and_publish(*arguments: Any, **named: Any) -> Version:
        archived.append(installation.archive.get(received_name(digest), tmp_path / "copy"))
        return publish(*arguments, **named)

    monkeypatch.setattr(type(installation.warehouse), "publish", look_and_publish)
    installation.publish()
    assert archived == [True]


def test_a_bomb_is_refused_before_it_fills_the_disk(installation: Installation) -> None:
    installation.deliver(gzip.compress(HEADER.encode() + b"\0" * 3_000_000))
    result = installation.load(limits=Limits(max_bytes=1_000_000))
    assert isinstance(result, Refused)
    assert isinstance(result.problem, ExpandsTooFar)
