"""Ways to break an embedded installation, each of which the doctor must name."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
from tests.integration.doctor.set_up import TARGET, SetUp
from tests.rights import NOBODY


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
    set_up.execute("update host_values set value = '9999' where name = 'tables-usable-since'")


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


def write_no_public_url(set_up: SetUp) -> None:
    set_up.set(public_url="feeds.example.edu")


def lead_the_public_url_elsewhere(set_up: SetUp) -> None:
    set_up.set(public_url=f"http://127.0.0.1:{free_port()}")


def lead_the_qa_url_elsewhere(set_up: SetUp) -> None:
    url = f"http://127.0.0.1:{Settings().gateway_port}"
    set_up.set(public_url=url, qa_public_url=f"http://localhost:{free_port()}")


def stop_the_daemon(set_up: SetUp) -> None:
    set_up.execute("update sensor_ticks set ticked_at = '2026-01-01 00:00:00.000000'")


def never_start_the_daemon(set_up: SetUp) -> None:
    set_up.execute("delete from sensor_ticks")


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
