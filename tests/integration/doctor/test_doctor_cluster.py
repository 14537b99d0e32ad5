"""A host of a cluster that is broken in one way: the doctor names that, and its fix alone."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from cryptography.fernet import Fernet

from alumniq_pipelines.settings import REPOSITORY, Settings
from tests.e2e.stack import free_port
from tests.integration.doctor.set_up import SetUp, advice, doctor, failed, s3_client
from tests.servers.s3_faults import Answer, S3Faults

DISK_OF_THIS_MACHINE = {"disk-filling"}
CLOCK_AN_HOUR_AHEAD = """
    create schema shifted;
    create function shifted.clock_timestamp() returns timestamptz language sql as
    $$ select pg_catalog.clock_timestamp() + interval '1 hour' $$
"""


def test_a_host_of_a_cluster_in_order_is_all_green(cluster: SetUp) -> None:
    exit_code, checks = doctor()
    assert failed(checks) == []
    found = {finding["code"] for check in checks.values() for finding in check["findings"]}
    assert found <= DISK_OF_THIS_MACHINE
    assert exit_code == 0
    assert {"clock", "hosts", "store", "archive", "compute-logs", "workers"} <= set(checks)
    assert [secret for secret in cluster.secrets if secret in str(checks)] == []


def without_driver(url: str) -> str:
    return url.replace("+psycopg", "")


def run(url: str, statement: str) -> None:
    with psycopg.connect(without_driver(url), autocommit=True) as connection:
        connection.execute(statement.encode())


def delete_bucket(name: str) -> None:
    s3_client(str(Settings().s3_endpoint_url)).delete_bucket(Bucket=name)


def name_another_ledger(set_up: SetUp) -> None:
    set_up.secrets.append("open-sesame")
    port = free_port()
    set_up.set(ledger_url=f"postgresql+psycopg://ada:open-sesame@127.0.0.1:{port}/ledger")


def make_the_ledger_read_only(set_up: SetUp) -> None:
    del set_up
    url = Settings().ledger
    name = urlsplit(url).path.strip("/")
    run(url, f"alter database {name} set default_transaction_read_only = on")


def set_the_clock_back(set_up: SetUp) -> None:
    url = Settings().ledger
    run(url, CLOCK_AN_HOUR_AHEAD)
    # Dagster's own tables stay where they are, and the heartbeat is by the same clock.
    set_up.set(ledger_url=f"{url}&options=-csearch_path%3Dpublic,shifted,pg_catalog")
    set_up.prepare_daemon()


def lose_dagsters_tables(set_up: SetUp) -> None:
    del set_up
    run(Settings().ledger, "drop schema dagster cascade")


def name_another_warehouse(set_up: SetUp) -> None:
    set_up.secrets.append("open-sesame")
    set_up.set(warehouse_url=f"postgresql://ada:open-sesame@127.0.0.1:{free_port()}/warehouse")


def name_no_warehouse(set_up: SetUp) -> None:
    set_up.set(warehouse_url="https://warehouse.example")


def name_another_store(set_up: SetUp) -> None:
    set_up.set(s3_endpoint_url=f"http://127.0.0.1:{free_port()}")


def delete_the_bucket_of_a_customer(set_up: SetUp) -> None:
    del set_up
    delete_bucket("iqu-feeds")


def delete_the_archive(set_up: SetUp) -> None:
    del set_up
    delete_bucket("cluster-archive")


def name_a_bucket_of_logs_that_is_not_there(set_up: SetUp) -> None:
    set_up.set(compute_logs_bucket="other-logs")


def forget_the_archive(set_up: SetUp) -> None:
    set_up.set(archive_bucket="")


def name_a_launcher_that_is_not_there(set_up: SetUp) -> None:
    set_up.set(launcher="/nowhere/launcher.yaml")


def use_another_queue(set_up: SetUp) -> None:
    set_up.secrets.append("open-sesame")
    set_up.set(celery_broker_url="amqp://ada:open-sesame@rabbit//")


def use_a_store_of_results_that_loses_them(set_up: SetUp) -> None:
    set_up.set(celery_backend_url="rpc://")


def give_redis_a_wrong_password(set_up: SetUp) -> None:
    parts = urlsplit(broker())
    set_up.secrets.append("open-sesame")
    set_up.set(celery_broker_url=f"redis://:open-sesame@127.0.0.1:{parts.port}/0")


def stop_redis(set_up: SetUp) -> None:
    set_up.set(celery_broker_url=f"redis://127.0.0.1:{free_port()}/0")


def lose_the_results(set_up: SetUp) -> None:
    set_up.set(celery_backend_url=f"redis://127.0.0.1:{free_port()}/0")


def start_no_worker(set_up: SetUp) -> None:
    set_up.set(celery_broker_url=f"{broker().removesuffix('/0')}/5")


def broker() -> str:
    url = Settings().celery_broker_url
    assert url is not None
    return url.get_secret_value()


def set_another_signing_key(set_up: SetUp) -> None:
    set_up.secrets.append("5b" * 32)
    set_up.set(signing_key="5b" * 32)


def set_another_encryption_key(set_up: SetUp) -> None:
    key = Fernet.generate_key().decode()
    set_up.secrets.append(key)
    set_up.set(encryption_key=key)


def deploy_other_field_maps(set_up: SetUp) -> None:
    shutil.copytree(REPOSITORY / "schemas", "schemas")
    with Path("schemas/warehouse.yaml").open("a") as file:
        file.write("# another comment\n")
    set_up.set(schemas_dir="schemas")


def migrate_without_keys(set_up: SetUp) -> None:
    set_up.execute("delete from host_values")


def lead_the_public_url_elsewhere(set_up: SetUp) -> None:
    set_up.set(public_url=str(Settings().s3_endpoint_url))


@dataclass(frozen=True)
class Broken:
    """A way to break a host; the check that finds it, its code, and words of the fix."""

    by: Callable[[SetUp], None]
    check: str
    code: str
    fix: str


BROKEN = [
    Broken(name_another_ledger, "ledger", "database-unreachable", "correct ALUMNIQ_LEDGER_URL"),
    Broken(make_the_ledger_read_only, "ledger-writes", "database-read-only", "to off"),
    Broken(set_the_clock_back, "clock", "clock-differs", "3,600 seconds behind"),
    Broken(lose_dagsters_tables, "dagster-tables", "dagster-not-migrated", "alumniq migrate"),
    Broken(
        name_another_warehouse,
        "warehouse",
        "database-unreachable",
        "correct ALUMNIQ_WAREHOUSE_URL",
    ),
    Broken(name_no_warehouse, "warehouse", "unusable-warehouse-url", "postgresql://user@host"),
    Broken(name_another_store, "store", "store-unreachable", "ALUMNIQ_S3_ENDPOINT_URL"),
    Broken(
        delete_the_bucket_of_a_customer,
        "buckets",
        "bucket-unusable",
        "(NoSuchBucket): iqu-feeds. There is no bucket of this name any more.",
    ),
    Broken(delete_the_archive, "archive", "bucket-unusable", "cluster-archive. There is no"),
    Broken(
        name_a_bucket_of_logs_that_is_not_there, "compute-logs", "bucket-unusable", "other-logs"
    ),
    Broken(forget_the_archive, "profile", "not-for-several-hosts", "ALUMNIQ_ARCHIVE_BUCKET"),
    Broken(
        name_a_launcher_that_is_not_there, "profile", "unusable-launcher", "Set it to local, celery"
    ),
    Broken(use_another_queue, "profile", "unusable-broker", "redis://:PASSWORD@HOST/0"),
    Broken(
        use_a_store_of_results_that_loses_them,
        "profile",
        "unusable-backend",
        "ALUMNIQ_CELERY_BACKEND_URL",
    ),
    Broken(
        give_redis_a_wrong_password,
        "queue-server",
        "queue-unavailable",
        "does not respond (AuthenticationError). Start it, or correct ALUMNIQ_CELERY_BROKER_URL",
    ),
    Broken(stop_redis, "queue-server", "queue-unavailable", "does not respond (ConnectionError)"),
    Broken(
        lose_the_results, "queue-server", "queue-unavailable", "correct ALUMNIQ_CELERY_BACKEND_URL"
    ),
    Broken(start_no_worker, "workers", "no-workers", "alumniq up --only worker"),
    Broken(set_another_signing_key, "hosts", "key-differs", "Set ALUMNIQ_SIGNING_KEY (or"),
    Broken(set_another_encryption_key, "hosts", "key-differs", "Set ALUMNIQ_ENCRYPTION_KEY (or"),
    Broken(
        deploy_other_field_maps, "hosts", "field-maps-differ", "all hosts: warehouse. Deploy the"
    ),
    Broken(migrate_without_keys, "hosts", "host-values-missing", "alumniq migrate"),
    Broken(
        lead_the_public_url_elsewhere,
        "public-url",
        "public-url-unreachable",
        "from something else). Correct ALUMNIQ_PUBLIC_URL",
    ),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.by.__name__)
def test_one_fault_is_named_with_its_fix_and_nothing_else(cluster: SetUp, broken: Broken) -> None:
    broken.by(cluster)
    exit_code, checks = doctor()
    assert failed(checks) == [(broken.check, [broken.code])]
    assert broken.fix in advice(checks)
    assert [secret for secret in cluster.secrets if secret in str(checks)] == []
    assert exit_code == 1


def test_a_host_without_a_gateway_is_in_order(cluster: SetUp) -> None:
    cluster.set(gateway_port=str(free_port()))
    assert failed(doctor()[1]) == []


def test_no_public_url_is_a_warning(cluster: SetUp) -> None:
    cluster.set(public_url="")
    exit_code, checks = doctor("--only", "public-url")
    assert [finding["code"] for finding in checks["public-url"]["findings"]] == [
        "public-url-missing"
    ]
    assert exit_code == 0


def test_a_worker_that_vanished_is_a_warning(cluster: SetUp) -> None:
    cluster.execute(
        "insert into worker_leases (run_id, host, taken_at, renewed_at) values ('r', 'ws7', "
        "now() - interval '1 hour', now() - interval '10 minutes')"
    )
    exit_code, checks = doctor("--only", "leases")
    assert (checks["leases"]["state"], exit_code) == ("warning", 0)
    assert "on the host ws7" in checks["leases"]["findings"][0]["detail"]


def test_the_buckets_check_leaves_nothing_in_them(cluster: SetUp) -> None:
    assert failed(doctor("--only", "buckets,archive,compute-logs")[1]) == []
    client = s3_client(str(Settings().s3_endpoint_url))
    for bucket in ("iqu-feeds", "cluster-archive", "cluster-logs"):
        assert "Contents" not in client.list_objects_v2(Bucket=bucket)
        assert not client.list_multipart_uploads(Bucket=bucket).get("Uploads")
    assert cluster.gateway


def test_buckets_that_deny_us_are_one_fault_with_the_permissions_we_need(
    cluster: SetUp, s3_faults: S3Faults
) -> None:
    cluster.set(s3_endpoint_url=s3_faults.url)
    s3_faults.answers["LIST"] = Answer(403, "AccessDenied")
    _, checks = doctor("--only", "buckets")
    assert failed(checks) == [("buckets", ["bucket-unusable"])]
    assert "(AccessDenied): iqu-feeds. Let our S3 key list, read and write it" in advice(checks)


def test_a_file_that_may_not_be_read_is_a_fault_of_its_bucket(
    cluster: SetUp, s3_faults: S3Faults, s3_endpoint: str
) -> None:
    file = {"Bucket": "iqu-feeds", "Key": "qa/warehouse/file.csv"}
    s3_client(s3_endpoint).put_object(**file, Body=b"xid")
    cluster.set(s3_endpoint_url=s3_faults.url)
    s3_faults.answers |= {"HEAD object": Answer(403), "GET object": Answer(403, "AccessDenied")}
    _, checks = doctor("--only", "buckets")
    s3_client(s3_endpoint).delete_object(**file)
    assert failed(checks) == [("buckets", ["bucket-unusable"])]
