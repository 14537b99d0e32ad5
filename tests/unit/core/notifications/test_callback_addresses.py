from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy, literal_address
from alumniq_pipelines.core.problems.setup import UnusableNetwork

PUBLIC_ONLY = AddressPolicy()

NOT_PUBLIC = (
    "0.0.0.0",
    "0.1.2.3",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.8.8.8",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.9",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::8.8.8.8",
    "::ffff:10.0.0.1",
    "::ffff:0:8.8.8.8",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:0a00:0001::",
    "2002:0808:0808::",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
)
PUBLIC = ("8.8.8.8", "52.94.236.248", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not PUBLIC_ONLY.permits(ip_address(address))
    assert PUBLIC_ONLY.refuses_host(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_permitted(address: str) -> None:
    assert PUBLIC_ONLY.permits(ip_address(address))
    assert not PUBLIC_ONLY.refuses_host(address)


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "127.0.1",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "0177.0.0.01",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "127.0.0.1.",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "db.localhost",
    ],
)
def test_every_spelling_of_this_machine_is_refused_without_a_resolver(host: str) -> None:
    assert PUBLIC_ONLY.refuses_host(host)


@pytest.mark.parametrize("host", ["example.edu", "127.0.0.1.example.edu", "1.2.3.4.5", "10 .1", ""])
def test_a_name_is_left_to_the_resolver(host: str) -> None:
    assert literal_address(host) is None
    assert not PUBLIC_ONLY.refuses_host(host)


def test_an_allowed_network_is_permitted_and_nothing_beside_it() -> None:
    policy = AddressPolicy.of(["10.20.0.0/16", " fd00:1::/32 ", "127.0.0.1/32"])
    assert policy.permits(ip_address("10.20.3.4"))
    assert policy.permits(ip_address("::ffff:10.20.3.4"))
    assert policy.permits(ip_address("fd00:1::9"))
    assert not policy.permits(ip_address("10.21.0.1"))
    assert not policy.refuses_host("localhost")
    assert not policy.refuses_host("127.1")


@pytest.mark.parametrize("network", ["10.20.0.1/16", "example.edu", "", "10.0.0.0/33"])
def test_an_unreadable_network_is_named_with_its_setting(network: str) -> None:
    with pytest.raises(UnusableNetwork, match="ALUMNIQ_CALLBACK_ALLOWED_NETWORKS"):
        AddressPolicy.of([network])


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_checked_alike_in_all_its_forms(address: IPv4Address) -> None:
    mapped = IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed)
    translated = IPv6Address(b"\0\x64\xff\x9b" + b"\0" * 8 + address.packed)
    permitted = PUBLIC_ONLY.permits(address)
    assert PUBLIC_ONLY.permits(mapped) is permitted
    assert PUBLIC_ONLY.permits(translated) is permitted
    for spelling in (str(address), str(int(address)), hex(int(address)), f"0{int(address):o}"):
        assert PUBLIC_ONLY.refuses_host(spelling) is not permitted


@given(st.text())
@example("\0")
def test_any_text_can_be_asked_about(host: str) -> None:
    assert PUBLIC_ONLY.refuses_host(host) in {True, False}
