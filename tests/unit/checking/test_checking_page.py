"""The page on checking lists every code."""

import re
from pathlib import Path

from alumniq_pipelines.checking.rules import Rule
from alumniq_pipelines.core.problems import file, header, packing
from alumniq_pipelines.core.problems.file import FileProblem

PAGE = Path(__file__).resolve().parents[3] / "docs" / "checking.md"
DOCUMENTED_ELSEWHERE = {"file", "file-gone", "rows-rejected", "unusable-header"}
"""Problems of the bucket and of the load; the last one groups others."""


def test_the_table_of_row_rules_is_complete() -> None:
    listed = re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(Rule)


def test_every_fault_of_a_file_is_listed() -> None:
    text = PAGE.read_text(encoding="utf-8").partition("## What makes a file unusable")[2]
    listed = set(re.findall(r"`([a-z0-9-]+)`", text.partition("## In a notebook")[0]))
    known = {**vars(file), **vars(header), **vars(packing)}
    kinds = [problem for problem in known.values() if isinstance(problem, type)]
    codes = {kind.code for kind in kinds if issubclass(kind, FileProblem)}
    assert listed == codes - DOCUMENTED_ELSEWHERE
