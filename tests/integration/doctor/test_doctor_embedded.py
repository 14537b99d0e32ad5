"""An embedded installation that is broken in one way: the doctor names that, and its fix alone."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography.fernet import Fernet

from alumniq_pipelines.adapters.encryption import SecretCipher
from alumniq_pipelines.adapters.ledger.s3_keys import S3Keys
from alumniq_pipelines.core.access.s3_keys import S3Key
from alumniq_pipelines.core.loads.load import new_job_id
from alumniq_pipelines.core.notifications.staff import Staff, mail_recipients
from alumniq_pipelines.settings import REPOSITORY, Settings
from alumniq_pipelines.warehouse_wiring import open_warehouse
from tests.accepted_rows import batch, small_field_map
from tests.e2e.stack import free_port
from tests.integration.doctor.set_up import TARGET, SetUp, advice, doctor, failed
from tests.rights import NOBODY, needs_root

DISK_OF_THIS_MACHINE = {"disk-filling"}


def test_an_embedded_installation_in_order_is_all_green(embedded: SetUp) -> None:
    assert embedded.gateway
    exit_code, checks = doctor()
    assert failed(checks) == []
    found = {finding["code"] for check in checks.values() for finding in check["findings"]}
    assert found <= DISK_OF_THIS_MACHINE
    assert exit_code == 0
    assert list(checks)[-1] == "agreement"


def misspell_a_setting(set_up: SetUp) -> None:
    set_up.set(gatway_port="8080")


def misspell_a_setting_in_dotenv(set_up: SetUp) -> None:
    del set_up
    Path(".env").write_text("ALUMNIQ_STAF_EMAIL=ada@alumniq.example\n")


def set_a_value_that_is_not_valid(set_up: SetUp) -> None:
    set_up.secrets.append("no-number")
    set_up.set(versions_kept="no-number")


def name_a_secret_file_that_is_not_there(set_up: SetUp) -> None:
    set_up.environment.setenv("ALUMNIQ_SIGNING_KEY_FILE", "/nowhere/signing-key")


def write_no_url_of_a_ledger(set_up: SetUp) -> None:
    set_up.secrets.append("open-sesame")
    set_up.set(ledger_url="mysql://user:open-sesame@host/ledger")


def share_runs_of_folders_among_hosts(set_up: SetUp) -> None:
    set_up.set(launcher="celery")


def name_another_data_folder(set_up: SetUp) -> None:
    set_up.set(data_dir="/nowhere/data")


def open_the_data_folder(set_up: SetUp) -> None:
    set_up.home.chmod(0o755)


def give_the_data_folder_away(set_up: SetUp) -> None:
    os.chown(set_up.home, NOBODY, NOBODY)


def put_a_file_in_place_of_the_scratch_folder(set_up: SetUp) -> None:
    (set_up.home / "scratch").write_text("")


def delete_the_ledger(set_up: SetUp) -> None:
    set_up.stop_gateway()
    for path in set_up.home.glob("ledger.db*"):
        path.unlink()


def damage_the_ledger(set_up: SetUp) -> None:
    delete_the_ledger(set_up)
    (set_up.home / "ledger.db").write_bytes(b"no database " * 1_000)


def restore_a_ledger_of_an_earlier_release(set_up: SetUp) -> None:
    set_up.execute("update alembic_version set version_num = '0001'")


def restore_a_ledger_of_a_later_release(set_up: SetUp) -> None:
    set_up.execute("update alembic_version set version_num = '9999'")


def delete_dagsters_configuration(set_up: SetUp) -> None:
    (set_up.home / "dagster" / "dagster.yaml").unlink()


def write_a_dagster_configuration_that_repeats_runs(set_up: SetUp) -> None:
    path = set_up.home / "dagster" / "dagster.yaml"
    content = yaml.safe_load(path.read_text()) | {"run_retries": {"enabled": True}}
    path.write_text(yaml.safe_dump(content))


def write_a_dagster_configuration_that_is_not_yaml(set_up: SetUp) -> None:
    (set_up.home / "dagster" / "dagster.yaml").write_text("[")


def delete_dagsters_tables(set_up: SetUp) -> None:
    shutil.rmtree(set_up.home / "dagster" / "history")


def unmount_the_warehouse(set_up: SetUp) -> None:
    (set_up.home / "warehouse").symlink_to(set_up.home / "warehouse")


def break_a_field_map(set_up: SetUp) -> None:
    shutil.copytree(REPOSITORY / "schemas", "schemas")
    Path("schemas/warehouse.yaml").write_text("name: [")
    set_up.set(schemas_dir="schemas")


def lose_the_field_maps(set_up: SetUp) -> None:
    set_up.set(schemas_dir="/nowhere/schemas")


def damage_the_signing_key(set_up: SetUp) -> None:
    set_up.secrets.append("not-hexadecimal")
    (set_up.home / "signing.key").write_text("not-hexadecimal")


def lose_the_signing_key(set_up: SetUp) -> None:
    with set_up.ledger() as ledger:
        ledger.signing.rotate("iqu", datetime.now(UTC))


def damage_the_encryption_key(set_up: SetUp) -> None:
    set_up.secrets.append("not-a-key")
    (set_up.home / "sealing.key").write_text("not-a-key")


def replace_the_encryption_key(set_up: SetUp) -> None:
    encrypted = SecretCipher.of(Fernet.generate_key().decode(), "test").encrypt("s3-secret")
    set_up.secrets.append(encrypted)
    key = S3Key(
        access_key_id="AKIA1",
        customer="iqu",
        user_name="iqu-qa",
        encrypted_secret=encrypted,
        created_at=datetime.now(UTC),
    )
    with set_up.ledger() as ledger:
        S3Keys(ledger.database, ledger.audit).add(key, (), datetime.now(UTC))
    (set_up.home / "sealing.key").write_bytes(Fernet.generate_key())


def delete_a_bucket(set_up: SetUp) -> None:
    shutil.rmtree(set_up.home / "buckets" / "iqu-feeds")


def write_no_network(set_up: SetUp) -> None:
    set_up.set(callback_allowed_networks='["10.20.0.0/99"]')


def stop_the_gateway(set_up: SetUp) -> None:
    set_up.stop_gateway()


def lead_the_public_url_elsewhere(set_up: SetUp) -> None:
    set_up.set(public_url=f"http://127.0.0.1:{free_port()}")


def stop_the_daemon(set_up: SetUp) -> None:
    set_up.execute("update heartbeats set at = '2026-01-01 00:00:00.000000'")


def never_start_the_daemon(set_up: SetUp) -> None:
    set_up.execute("delete from heartbeats")


def stop_the_sensor_of_load_requests(set_up: SetUp) -> None:
    set_up.accept(datetime.now(UTC) - timedelta(hours=2))


def stop_the_code_server(set_up: SetUp) -> None:
    set_up.accept(datetime.now(UTC))
    set_up.execute("update loads set failed_launches = 3")


def stop_the_sensor_of_notifications(set_up: SetUp) -> None:
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    load = set_up.accept(an_hour_ago)
    notices = Staff(mail_recipients(("ada@iqu.example",))).notices("Begun", "text")
    with set_up.ledger() as ledger:
        ledger.notifications.enqueue_start(load.job_id, notices, an_hour_ago)
        ledger.attempts.begin(load, "run", datetime.now(UTC))


def restore_a_ledger_that_knows_less(set_up: SetUp) -> None:
    open_warehouse(Settings()).publish(
        TARGET,
        small_field_map("warehouse"),
        batch(set_up.home, 1, count=10),
        number=7,
        job_id=new_job_id(),
        now=datetime.now(UTC),
    )


@dataclass(frozen=True)
class Broken:
    """A way to break an installation; the check that finds it, its codes, and words of the fix."""

    by: Callable[[SetUp], None]
    check: str
    codes: str
    fix: str


BROKEN = [
    Broken(misspell_a_setting, "settings", "unknown-setting", "mean ALUMNIQ_GATEWAY_PORT?"),
    Broken(
        misspell_a_setting_in_dotenv, "settings", "unknown-setting", "mean ALUMNIQ_STAFF_EMAIL?"
    ),
    Broken(
        set_a_value_that_is_not_valid,
        "settings",
        "unusable-settings",
        "ALUMNIQ_VERSIONS_KEPT: input should be a valid integer",
    ),
    Broken(
        name_a_secret_file_that_is_not_there,
        "settings",
        "secret-file-unreadable",
        "ALUMNIQ_SIGNING_KEY_FILE names the file /nowhere/signing-key",
    ),
    Broken(
        write_no_url_of_a_ledger, "settings", "unusable-ledger-url", "postgresql://user@host/data"
    ),
    Broken(
        share_runs_of_folders_among_hosts,
        "profile",
        "not-for-several-hosts",
        "ALUMNIQ_LEDGER_URL, a PostgreSQL database; ALUMNIQ_BUCKET=s3; ALUMNIQ_ARCHIVE_BUCKET",
    ),
    Broken(name_another_data_folder, "data-folder", "folder-missing", "Correct ALUMNIQ_DATA_DIR"),
    Broken(open_the_data_folder, "data-folder", "folder-not-private", "chmod go-rwx"),
    Broken(
        put_a_file_in_place_of_the_scratch_folder,
        "scratch-folder",
        "folder-not-writable",
        "it is a file",
    ),
    Broken(delete_the_ledger, "ledger", "ledger-missing", "restore it from a backup"),
    Broken(damage_the_ledger, "ledger", "ledger-unreadable", "restore it from a backup"),
    Broken(
        restore_a_ledger_of_an_earlier_release,
        "revision",
        "foreign-revision",
        "Upgrade them: alumniq migrate.",
    ),
    Broken(
        restore_a_ledger_of_a_later_release,
        "revision",
        "foreign-revision",
        "They are of a newer release",
    ),
    Broken(
        delete_dagsters_configuration, "dagster-home", "dagster-home-missing", "make it: alumniq up"
    ),
    Broken(
        write_a_dagster_configuration_that_repeats_runs,
        "dagster-home",
        "dagster-configuration-differs",
        "other than the settings say in: run_retries.",
    ),
    Broken(
        write_a_dagster_configuration_that_is_not_yaml,
        "dagster-home",
        "dagster-configuration-unreadable",
        "or delete it",
    ),
    Broken(delete_dagsters_tables, "dagster-tables", "dagster-not-migrated", "alumniq migrate"),
    Broken(unmount_the_warehouse, "warehouse", "warehouse-unreadable", "Mount its disk"),
    Broken(break_a_field_map, "field-maps", "field-map", "warehouse.yaml, line 2"),
    Broken(lose_the_field_maps, "field-maps", "field-maps-missing", "set ALUMNIQ_SCHEMAS_DIR"),
    Broken(damage_the_signing_key, "signing-key", "no-signing-key", "Restore signing.key"),
    Broken(lose_the_signing_key, "signing-key", "no-signing-key", "Restore signing.key"),
    Broken(
        damage_the_encryption_key, "encryption-key", "unusable-sealing-key", "Restore it from a"
    ),
    Broken(
        replace_the_encryption_key,
        "encryption-key",
        "encrypted-secrets-unreadable",
        "1 of 1 stored secrets",
    ),
    Broken(delete_a_bucket, "buckets", "bucket-unusable", "iqu-feeds"),
    Broken(write_no_network, "callback-networks", "unusable-network", "CIDR"),
    Broken(stop_the_gateway, "gateway", "gateway-unreachable", "Start it (alumniq up)"),
    Broken(
        lead_the_public_url_elsewhere,
        "public-url",
        "public-url-unreachable",
        "Correct ALUMNIQ_PUBLIC_URL",
    ),
    Broken(stop_the_daemon, "daemon", "daemon-silent", "Start it with its code server"),
    Broken(never_start_the_daemon, "daemon", "daemon-silent", "has not been heard of yet"),
    Broken(stop_the_sensor_of_load_requests, "queue", "queue-waits", "alumniq load show"),
    Broken(stop_the_code_server, "queue", "launches-fail", "the code server"),
    Broken(
        stop_the_sensor_of_notifications,
        "notifications",
        "notifications-overdue",
        "the first has waited for 1 h",
    ),
    Broken(
        restore_a_ledger_that_knows_less,
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
    give_the_data_folder_away(embedded)
    _, checks = doctor()
    assert failed(checks) == [("data-folder", ["folder-of-other-user"])]
    assert "belongs to nobody" in advice(checks)


def test_what_a_failed_check_prevents_is_told_once(embedded: SetUp) -> None:
    delete_the_ledger(embedded)
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
