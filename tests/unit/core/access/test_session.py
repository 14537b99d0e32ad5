from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.core.access.session import form_token, is_form_token, new_token, token_digest


def test_a_form_token_reveals_neither_the_token_nor_its_digest() -> None:
    token = new_token()
    assert token not in form_token(token)
    assert form_token(token) != token_digest(token)


@given(st.text())
def test_a_form_of_another_session_is_refused(shown: str) -> None:
    token, other = new_token(), new_token()
    assert is_form_token(token, form_token(token))
    assert not is_form_token(token, form_token(other))
    assert not is_form_token(token, shown)
