import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook_gateway.pages.forms import safe_redirect_path


@pytest.mark.parametrize("path", ["/", "/loads", "/loads/ABC?done=resent"])
def test_a_path_on_this_site_is_accepted(path: str) -> None:
    assert safe_redirect_path(path) == path


@given(st.text())
def test_a_redirect_to_another_site_is_never_accepted(path: str) -> None:
    leads = safe_redirect_path(path)
    assert leads.startswith("/")
    assert not leads.startswith(("//", "/\\"))
    assert leads.isprintable()
