"""A device is recognised for the account that signed in there, for 180 days."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alumniq_pipelines.adapters.encryption import SecretCipher
from webhook_gateway.http.devices import DEVICE_LIFETIME, DeviceCookies

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def devices(tmp_path: Path) -> DeviceCookies:
    return DeviceCookies(tmp_path / "sealing.key")


def test_a_cookie_is_of_its_account_for_its_lifetime(devices: DeviceCookies) -> None:
    cookie = devices.cookie("ada", NOW)
    assert cookie is not None
    assert devices.is_valid_for("ada", cookie, NOW + DEVICE_LIFETIME)
    assert not devices.is_valid_for("ada", cookie, NOW + DEVICE_LIFETIME + timedelta(seconds=1))
    assert not devices.is_valid_for("bob", cookie, NOW)


def test_other_secrets_under_the_same_key_are_no_devices(devices: DeviceCookies) -> None:
    cipher = SecretCipher.from_file(devices.encryption_key_file)
    for text in ("ada", "\n0\nada", "secret\n0\nada", ""):
        assert not devices.is_valid_for("ada", cipher.encrypt(text), NOW)


def test_a_broken_key_recognises_nobody_and_stops_nobody(devices: DeviceCookies) -> None:
    cookie = devices.cookie("ada", NOW)
    assert cookie is not None
    devices.encryption_key_file.write_text("broken")
    assert devices.cookie("ada", NOW) is None
    assert not devices.is_valid_for("ada", cookie, NOW)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
@example("ü")
@example("x" * 5_000)
@example("gAAAAA==")
def test_any_text_is_read_as_no_device(devices: DeviceCookies, cookie: str) -> None:
    assert not devices.is_valid_for("ada", cookie, NOW)
