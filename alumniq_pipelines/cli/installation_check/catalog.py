"""The table of all checks: a check is registered here, once, after those that it needs."""

from alumniq_pipelines.cli.dagster_storage import is_postgresql
from alumniq_pipelines.cli.installation_check import (
    dagster_home,
    databases,
    delivery,
    host,
    keys,
    programs,
    stores,
)
from alumniq_pipelines.cli.installation_check.agreement import (
    AGREEMENT_SECONDS,
    find_differences,
)
from alumniq_pipelines.cli.installation_check.check import Check

SETTINGS = Check(name="settings", title="Settings", find=host.find_in_settings)

CHECKS = (
    SETTINGS,
    Check(name="profile", title="Settings for the launcher", find=host.find_in_profile),
    Check(name="data-folder", title="Data folder", find=host.find_in_data_folder),
    Check(
        name="scratch-folder",
        title="Scratch folder",
        find=host.find_in_scratch_folder,
        needs=["data-folder"],
    ),
    Check(name="disks", title="Free disk space", find=host.find_in_disks),
    Check(name="ledger", title="Ledger", find=databases.find_in_ledger, needs=["data-folder"]),
    Check(
        name="revision", title="Ledger's tables", find=databases.find_in_revision, needs=["ledger"]
    ),
    Check(
        name="ledger-writes",
        title="Writing to the ledger",
        find=databases.find_in_ledger_writes,
        needs=["revision"],
    ),
    Check(
        name="ledger-disk",
        title="Disk of the ledger",
        find=databases.find_in_ledger_disk,
        needs=["ledger"],
        applies=lambda settings: not is_postgresql(settings),
    ),
    Check(
        name="clock",
        title="Clock",
        find=host.find_in_clock,
        needs=["ledger"],
        applies=is_postgresql,
    ),
    Check(
        name="dagster-home",
        title="Dagster's configuration",
        find=dagster_home.find_in_dagster_home,
        needs=["data-folder", "profile"],
    ),
    Check(
        name="dagster-tables",
        title="Dagster's tables",
        find=databases.find_in_dagster_tables,
        needs=["ledger", "dagster-home"],
    ),
    Check(
        name="warehouse", title="Warehouse", find=databases.find_in_warehouse, needs=["data-folder"]
    ),
    Check(name="field-maps", title="Field maps", find=keys.find_in_field_maps),
    Check(
        name="signing-key", title="Signing key", find=keys.find_in_signing_key, needs=["revision"]
    ),
    Check(
        name="encryption-key",
        title="Encryption key",
        find=keys.find_in_encryption_key,
        needs=["revision"],
    ),
    Check(
        name="hosts",
        title="Keys and field maps of all hosts",
        find=keys.find_in_host_values,
        needs=["revision", "profile", "field-maps", "signing-key", "encryption-key"],
        applies=keys.has_several_hosts,
    ),
    Check(name="store", title="Bucket store", find=stores.find_in_store, applies=stores.uses_s3),
    Check(
        name="buckets",
        title="Customers' buckets",
        find=stores.find_in_buckets,
        needs=["revision", "store"],
        seconds=2 * stores.BUCKETS_SECONDS,
    ),
    Check(
        name="archive",
        title="Bucket of the archive",
        find=stores.find_in_archive,
        needs=["store"],
        applies=stores.has_archive_bucket,
    ),
    Check(
        name="compute-logs",
        title="Bucket of compute logs",
        find=stores.find_in_compute_logs,
        needs=["store"],
        applies=stores.has_compute_logs_bucket,
    ),
    Check(
        name="mail-server",
        title="Mail server",
        find=delivery.find_in_mail_server,
        applies=delivery.uses_smtp,
    ),
    Check(name="staff-channels", title="Channels to staff", find=delivery.find_in_staff_channels),
    Check(
        name="callback-networks",
        title="Networks of callbacks",
        find=delivery.find_in_callback_networks,
    ),
    Check(
        name="gateway",
        title="Gateway",
        find=programs.find_in_gateway,
        needs=["ledger-writes", "store", "field-maps", "callback-networks"],
    ),
    Check(
        name="public-url",
        title="Public URL of the gateway",
        find=programs.find_in_public_url,
        needs=["gateway"],
        applies=programs.has_public_url,
    ),
    Check(
        name="queue-server",
        title="Queue of the workers",
        find=programs.find_in_redis,
        needs=["profile"],
        applies=programs.uses_celery,
    ),
    Check(
        name="workers",
        title="Workers",
        find=programs.find_in_workers,
        needs=["queue-server"],
        applies=programs.uses_celery,
    ),
    Check(
        name="leases",
        title="Leases of workers",
        find=programs.find_in_leases,
        needs=["revision"],
        applies=keys.has_several_hosts,
    ),
    Check(
        name="daemon",
        title="Dagster's daemon",
        find=programs.find_in_daemon,
        needs=["revision", "dagster-home", "dagster-tables"],
    ),
    Check(
        name="queue",
        title="Queue of loads",
        find=programs.find_in_queue,
        needs=["daemon", "workers", "field-maps"],
    ),
    Check(
        name="notifications",
        title="Notifications",
        find=delivery.find_in_notifications,
        needs=["daemon"],
    ),
    Check(
        name="agreement",
        title="Agreement of ledger, warehouse, archive and Dagster",
        find=find_differences,
        needs=["revision", "warehouse", "archive"],
        seconds=AGREEMENT_SECONDS,
    ),
)
