"""What nobody sees is named once, for names of columns and for values."""

import re
import sys
import unicodedata

import pytest

from alumniq_pipelines.core.feeds.column_spellings import strip_name
from alumniq_pipelines.core.feeds.unseen_characters import BLANKS, INVISIBLE, ODD_SPACES
from alumniq_pipelines.core.feeds.values import VISIBLE


def test_blanks_are_what_python_takes_for_blanks() -> None:
    assert set(BLANKS) == {chr(code) for code in range(sys.maxunicode) if chr(code).isspace()}


@pytest.mark.parametrize("character", INVISIBLE)
def test_no_invisible_character_can_be_seen(character: str) -> None:
    assert unicodedata.category(character) in {"Zs", "Zl", "Zp", "Cf", "Mn", "Cn"}
    assert re.fullmatch(f"[{INVISIBLE}]", character)


def test_every_space_but_the_usual_ones_is_odd() -> None:
    assert set(ODD_SPACES) == {blank for blank in BLANKS if blank > "\x85"}


@pytest.mark.parametrize("text", [BLANKS, INVISIBLE, "\u200b \u00a0\t", "\u202e\u2066"])
def test_a_text_of_what_nobody_sees_is_blank_as_a_name_and_as_a_value(text: str) -> None:
    assert strip_name(text) == ""
    assert VISIBLE.search(text) is None


@pytest.mark.parametrize("character", ["a", "0", "_", "-", "\u00e9", "\u65e5", "\U0001f926", "'"])
def test_what_can_be_seen_is_not_blank(character: str) -> None:
    assert VISIBLE.search(f"\u200b{character} ") is not None
