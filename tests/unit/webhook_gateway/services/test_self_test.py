"""The self-test reports a result for any text as the host of a callback."""

import socket
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy
from alumniq_pipelines.core.problems.request import UnusableNotifyWebhook
from webhook_gateway.services.self_test import check_host


@settings(deadline=None)
@given(
    st.text()
    | st.text("[]:%.@aü0-", max_size=20)
    | st.text("xn-aü0.", max_size=12).map("xn--{}".format)
)
@example("xn--a")
@example("xn--")
@example("xn--ls8h.la")
@example("ü.xn--a")
@example("ü.xn--")
@example("ü" * 63)
@example("x" * 64 + ".example")
@example("a..b")
@example(".")
@example("[fe80::1%25eth0]")
@example("example.edu:99999999999999999999")
@example("\u2603.example")
@example("\xad")
@example("\ud800")
@example("%00")
def test_any_host_is_refused_or_resolved(host: str) -> None:
    """No name is looked up: a host that is not an address counts as unknown."""
    real = socket.getaddrinfo

    def literal(name: Any, port: Any, **_: Any) -> list[Any]:
        return list(real(name, port, flags=socket.AI_NUMERICHOST))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", literal)
        try:
            check_host(f"https://{host}/", AddressPolicy.of(["0.0.0.0/0", "::/0"]))
        except UnusableNotifyWebhook:
            return
    assert host.isprintable()
