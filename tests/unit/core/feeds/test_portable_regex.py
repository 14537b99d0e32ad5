"""Portable patterns: DuckDB's RE2 is asked whether it agrees with Python."""

import re
from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alumniq_pipelines.core.feeds.portable_regex import portability_error

ATOMS = st.sampled_from(
    [*"aB7é\u0663 _-.,", r"\.", r"\-", "[0-9]", "[^a-c]", "[A-Za-z_]", "[é-ü]", "(?:ab|c)", "(x)"]
)
QUANTIFIERS = st.sampled_from(["", "*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "+?", "??"])
PATTERNS = st.lists(st.tuples(ATOMS, QUANTIFIERS), min_size=1, max_size=6).map(
    lambda parts: "".join(atom + quantifier for atom, quantifier in parts)
)
TEXTS = st.text(alphabet="aBbc7é\u0663 _-.x]\\,\nz", max_size=8)


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def matches_in_duckdb(duck: duckdb.DuckDBPyConnection, pattern: str, text: str) -> bool:
    row = duck.execute("SELECT regexp_full_match(?, ?)", [text, pattern]).fetchone()
    assert row is not None
    return bool(row[0])


@settings(max_examples=400, deadline=None)
@given(pattern=PATTERNS, text=TEXTS)
@example(pattern=".", text="\n")
@example(pattern="[^a]", text="\n")
@example(pattern="(?:a{500}){2}", text="a" * 1000)
def test_a_portable_pattern_means_the_same_to_python_and_to_duckdb(
    duck: duckdb.DuckDBPyConnection, pattern: str, text: str
) -> None:
    assert portability_error(pattern) is None
    matches = re.fullmatch(pattern, text) is not None
    assert matches_in_duckdb(duck, pattern, text) == matches


@settings(max_examples=1_000, deadline=None)
@given(pattern=st.text(alphabet="ab(){}[]\\^$.*+?|-1,:<=!PdwsnZ&~é", max_size=14), text=TEXTS)
def test_whatever_is_let_through_means_the_same_to_both_engines(
    duck: duckdb.DuckDBPyConnection, pattern: str, text: str
) -> None:
    if portability_error(pattern) is None:
        matches = re.fullmatch(pattern, text) is not None
        assert matches_in_duckdb(duck, pattern, text) == matches


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"\d{4}", "write [0-9]"),
        (r"\w+", "write [A-Za-z0-9_]"),
        (r"[\s]", "write a space"),
        (r"\bx", "word edges"),
        (r"^a", "leave it out"),
        (r"a$", "leave it out"),
        (r"a(?=b)", "look-around"),
        (r"(?i)a", "flags"),
        (r"(?P<year>a)", "named groups"),
        (r"(a)\1", "back-reference"),
        (r"a*+", "repeats a repetition"),
        (r"a{,3}", "stray"),
        (r"a{1001}", "1,000"),
        (r"(?:(?:a{2}){500}){2}", "1,000"),
        (r"[[:alpha:]]", "write \\["),
        (r"[a--b]", "doubles"),
        (r"\x41", "not known to both"),
        ("(a", "cannot be read"),
        ("[z-a]", "cannot be read"),
        ("*a", "cannot be read"),
        ("a\\", "stray"),
    ],
)
def test_what_engines_read_differently_is_refused_with_its_reason(
    pattern: str, reason: str
) -> None:
    assert reason in (portability_error(pattern) or "")
