"""A device cookie is valid for the account that signed in there, for 180 days."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alumniq_pipelines.adapters.encryption import SecretCipher
from webhook_gateway.http.devices import DEVICE_LIFETIME, DeviceCookies

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "sealing.key"


@pytest.fixture
def devices(key_file: Path) -> DeviceCookies:
    return DeviceCookies(lambda: SecretCipher.from_file(key_file))


def test_a_cookie_is_valid_for_its_account_during_its_lifetime(devices: DeviceCookies) -> None:
    cookie = devices.cookie("ada", NOW)
    assert cookie is not None
    assert devices.is_valid_for("ada", cookie, NOW + DEVICE_LIFETIME)
    assert not devices.is_valid_for("ada", cookie, NOW + DEVICE_LIFETIME + timedelta(seconds=1))
    assert not devices.is_valid_for("bob", cookie, NOW)


def test_other_texts_encrypted_with_the_same_key_are_no_device_cookies(
    devices: DeviceCookies,
) -> None:
    cipher = devices.open_cipher()
    for text in ("ada", "\n0\nada", "secret\n0\nada", ""):
        assert not devices.is_valid_for("ada", cipher.encrypt(text), NOW)


def test_a_broken_encryption_key_recognizes_no_device_and_blocks_nobody(
    devices: DeviceCookies, key_file: Path
) -> None:
    cookie = devices.cookie("ada", NOW)
    assert cookie is not None
    key_file.write_text("broken")
    assert devices.cookie("ada", NOW) is None
    assert not devices.is_valid_for("ada", cookie, NOW)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
@example("ü")
@example("x" * 5_000)
@example("gAAAAA==")
def test_any_other_text_is_no_device_cookie(devices: DeviceCookies, cookie: str) -> None:
    assert not devices.is_valid_for("ada", cookie, NOW)
