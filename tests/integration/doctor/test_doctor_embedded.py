"""An embedded installation that is broken in one way: the doctor names that, and its fix alone."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.doctor import broken_ways as ways
from tests.integration.doctor.set_up import SetUp, advice, doctor, failed
from tests.rights import needs_root

DISK_OF_THIS_MACHINE = {"disk-filling"}


def test_an_embedded_installation_in_order_is_all_green(embedded: SetUp) -> None:
    assert embedded.gateway
    exit_code, checks = doctor()
    assert failed(checks) == []
    found = {finding["code"] for check in checks.values() for finding in check["findings"]}
    assert found <= DISK_OF_THIS_MACHINE
    assert exit_code == 0
    assert list(checks)[-1] == "agreement"


@dataclass(frozen=True)
class Broken:
    """A way to break an installation; the check that finds it, its codes, and words of the fix."""

    by: Callable[[SetUp], None]
    check: str
    codes: str
    fix: str


BROKEN = [
    Broken(ways.misspell_a_setting, "settings", "unknown-setting", "mean ALUMNIQ_GATEWAY_PORT?"),
    Broken(
        ways.misspell_a_setting_in_dotenv,
        "settings",
        "unknown-setting",
        "mean ALUMNIQ_STAFF_EMAIL?",
    ),
    Broken(
        ways.set_a_value_that_is_not_valid,
        "settings",
        "unusable-settings",
        "ALUMNIQ_VERSIONS_KEPT: input should be a valid integer",
    ),
    Broken(
        ways.name_a_secret_file_that_is_not_there,
        "settings",
        "secret-file-unreadable",
        "ALUMNIQ_SIGNING_KEY_FILE names the file /nowhere/signing-key",
    ),
    Broken(
        ways.write_no_public_url,
        "settings",
        "unusable-public-url",
        "Write the scheme and the host",
    ),
    Broken(
        ways.write_no_url_of_a_ledger,
        "settings",
        "unusable-ledger-url",
        "postgresql://user@host/data",
    ),
    Broken(
        ways.share_runs_of_folders_among_hosts,
        "profile",
        "not-for-several-hosts",
        "ALUMNIQ_LEDGER_URL, a PostgreSQL database; ALUMNIQ_BUCKET=s3; ALUMNIQ_ARCHIVE_BUCKET",
    ),
    Broken(
        ways.name_another_data_folder, "data-folder", "folder-missing", "Correct ALUMNIQ_DATA_DIR"
    ),
    Broken(ways.open_the_data_folder, "data-folder", "folder-not-private", "chmod go-rwx"),
    Broken(
        ways.put_a_file_in_place_of_the_scratch_folder,
        "scratch-folder",
        "folder-not-writable",
        "(Not a directory)",
    ),
    Broken(ways.delete_the_ledger, "ledger", "ledger-missing", "restore it from a backup"),
    Broken(ways.damage_the_ledger, "ledger", "ledger-unreadable", "restore it from a backup"),
    Broken(
        ways.restore_a_ledger_of_an_earlier_release,
        "revision",
        "foreign-revision",
        "Upgrade them: alumniq migrate.",
    ),
    Broken(
        ways.restore_a_ledger_of_a_later_release,
        "revision",
        "foreign-revision",
        "They are of a newer release",
    ),
    Broken(
        ways.delete_dagsters_configuration,
        "dagster-home",
        "dagster-home-missing",
        "make it: alumniq up",
    ),
    Broken(
        ways.write_a_dagster_configuration_that_repeats_runs,
        "dagster-home",
        "dagster-configuration-differs",
        "other than the settings say in: run_retries.",
    ),
    Broken(
        ways.write_a_dagster_configuration_that_is_not_yaml,
        "dagster-home",
        "dagster-configuration-unreadable",
        "or delete it",
    ),
    Broken(
        ways.delete_dagsters_tables, "dagster-tables", "dagster-not-migrated", "alumniq migrate"
    ),
    Broken(ways.unmount_the_warehouse, "warehouse", "warehouse-unreadable", "Mount its disk"),
    Broken(ways.break_a_field_map, "field-maps", "field-map", "warehouse.yaml, line 2"),
    Broken(ways.lose_the_field_maps, "field-maps", "field-maps-missing", "set ALUMNIQ_SCHEMAS_DIR"),
    Broken(ways.damage_the_signing_key, "signing-key", "no-signing-key", "Restore signing.key"),
    Broken(ways.lose_the_signing_key, "signing-key", "no-signing-key", "Restore signing.key"),
    Broken(
        ways.damage_the_encryption_key,
        "encryption-key",
        "unusable-sealing-key",
        "Restore it from a",
    ),
    Broken(
        ways.replace_the_encryption_key,
        "encryption-key",
        "encrypted-secrets-unreadable",
        "1 of 1 stored secrets",
    ),
    Broken(ways.delete_a_bucket, "buckets", "bucket-unusable", "iqu-feeds"),
    Broken(ways.write_no_network, "callback-networks", "unusable-network", "CIDR"),
    Broken(ways.stop_the_gateway, "gateway", "gateway-unreachable", "Start it (alumniq up)"),
    Broken(
        ways.lead_the_public_url_elsewhere,
        "public-url",
        "public-url-unreachable",
        "Correct ALUMNIQ_PUBLIC_URL",
    ),
    Broken(
        ways.lead_the_qa_url_elsewhere,
        "public-url",
        "public-url-unreachable",
        "Correct ALUMNIQ_PUBLIC_URL or ALUMNIQ_QA_PUBLIC_URL",
    ),
    Broken(ways.stop_the_daemon, "daemon", "daemon-silent", "Start it with its code server"),
    Broken(ways.never_start_the_daemon, "daemon", "daemon-silent", "has not been heard of yet"),
    Broken(ways.stop_the_sensor_of_load_requests, "queue", "queue-waits", "alumniq load show"),
    Broken(ways.stop_the_code_server, "queue", "launches-fail", "the code server"),
    Broken(
        ways.stop_the_sensor_of_notifications,
        "notifications",
        "notifications-overdue",
        "the first has waited for 1 h",
    ),
    Broken(
        ways.restore_a_ledger_that_knows_less,
        "agreement",
        "load-numbers unknown-load",
        "alumniq doctor --repair",
    ),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.by.__name__)
def test_one_fault_is_named_with_its_fix_and_nothing_else(embedded: SetUp, broken: Broken) -> None:
    broken.by(embedded)
    exit_code, checks = doctor()
    assert failed(checks) == [(broken.check, broken.codes.split())]
    assert broken.fix in advice(checks)
    assert [secret for secret in embedded.secrets if secret in str(checks)] == []
    assert exit_code == 1


@needs_root
def test_a_data_folder_of_another_user_is_named(embedded: SetUp) -> None:
    ways.give_the_data_folder_away(embedded)
    _, checks = doctor()
    assert failed(checks) == [("data-folder", ["folder-of-other-user"])]
    assert "belongs to nobody" in advice(checks)


def test_what_a_failed_check_prevents_is_named_once(embedded: SetUp) -> None:
    ways.delete_the_ledger(embedded)
    _, checks = doctor()
    prevented = {name for name, check in checks.items() if check["because_of"] == "ledger"}
    assert {"revision", "gateway", "daemon", "queue", "agreement"} <= prevented
    assert {checks[name]["state"] for name in prevented} == {"not-checked"}


def test_nobody_to_notify_is_a_warning(embedded: SetUp) -> None:
    embedded.set(staff_email="")
    exit_code, checks = doctor("--only", "staff-channels")
    assert [finding["code"] for finding in checks["staff-channels"]["findings"]] == [
        "no-staff-channel"
    ]
    assert (checks["staff-channels"]["state"], exit_code) == ("warning", 0)


def test_the_doctor_makes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, embedded: SetUp
) -> None:
    """It once upgraded the ledger of another release, and opening the cipher makes a key."""
    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(tmp_path / "nothing"))
    doctor()
    assert not (tmp_path / "nothing").exists()
    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(embedded.home))
    embedded.stop_gateway()
    before = sorted(embedded.home.rglob("*"))
    doctor()
    assert [path for path in sorted(embedded.home.rglob("*")) if path not in before] == []
