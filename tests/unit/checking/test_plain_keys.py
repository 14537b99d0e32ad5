"""A key that one test lets pass would show no damage by any of the eleven others."""

import re

from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.checking.text_damage import (
    CERTAIN_IN_KEYS,
    PLAIN_KEY,
    PROBABLE_IN_KEYS,
    TRACES,
)

DAMAGED = st.sampled_from((*CERTAIN_IN_KEYS, *PROBABLE_IN_KEYS)).flatmap(
    lambda damage: st.from_regex(re.compile(TRACES[damage]), fullmatch=True)
)


@given(text=DAMAGED)
def test_no_damaged_key_is_plain(text: str) -> None:
    assert not re.fullmatch(PLAIN_KEY, text)


@given(text=st.from_regex(PLAIN_KEY, fullmatch=True))
def test_no_plain_key_is_damaged(text: str) -> None:
    shown = [
        damage
        for damage in (*CERTAIN_IN_KEYS, *PROBABLE_IN_KEYS)
        if re.fullmatch(TRACES[damage], text)
    ]
    assert shown == []
