"""Opening what the settings name, for processes that are not Dagster's: gateway and commands."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from alumniq_pipelines.adapters.archive import BucketArchive, FolderArchive
from alumniq_pipelines.adapters.bucket.folder import FolderBuckets
from alumniq_pipelines.adapters.data_folder import group_id, protect
from alumniq_pipelines.adapters.field_maps import FieldMapFolder
from alumniq_pipelines.adapters.last_good_field_maps import LastGoodFieldMaps
from alumniq_pipelines.adapters.signing_key import read_key, save_key
from alumniq_pipelines.core.loads.archive import Archive
from alumniq_pipelines.core.loads.bucket import Buckets
from alumniq_pipelines.core.notifications.load_outcome import addresses_in
from alumniq_pipelines.core.notifications.signing import new_key
from alumniq_pipelines.core.notifications.staff import Staff
from alumniq_pipelines.core.problems.setup import NoSigningKey
from alumniq_pipelines.files.private_files import make_folder
from alumniq_pipelines.settings import Settings

if TYPE_CHECKING:
    from alumniq_pipelines.adapters.bucket.s3 import S3Buckets


def open_buckets(settings: Settings) -> Buckets:
    """Open the store that customers deliver to; the folder of a new installation is made."""
    if settings.bucket == "folder":
        make_folder(settings.buckets_dir)
        return FolderBuckets(settings.buckets_dir)
    return _s3_buckets(settings)


def protect_data_folder(settings: Settings) -> None:
    """Shut others out of the data folder, where there is one.

    Raises DataFolderNotPrivate, DataFolderShared, DataFolderUnusable and UnusableWarehouseGroup.
    """
    if settings.home.exists():
        protect(
            settings.home,
            group_id(settings.warehouse_group),
            warehouse=settings.warehouse_dir.name,
            buckets=settings.buckets_dir.name,
        )


def open_archive(settings: Settings) -> Archive:
    """Open the archive: a folder, or the bucket that the settings name."""
    if not settings.archive_bucket:
        return FolderArchive(settings.archive_dir)
    return BucketArchive(_s3_buckets(settings).open(settings.archive_bucket))


def staff_of(settings: Settings) -> Staff:
    """Return the channels on which staff are notified."""
    return Staff(addresses_in(settings.staff_email), has_chat=settings.staff_webhook is not None)


def read_schemas(settings: Settings) -> FieldMapFolder:
    """Read the field maps that are in force; raises FieldMapsMissing and FieldMapProblem."""
    return LastGoodFieldMaps(settings.last_good_dir).read_schemas(settings.schemas_dir)


def save_field_maps(
    settings: Settings, good: Mapping[str, str], *, only_missing: bool = False
) -> None:
    """Save good field maps, for when their files are broken; raises FieldMapsNotSaved."""
    LastGoodFieldMaps(settings.last_good_dir).save(good, only_missing=only_missing)


def remove_retired_field_maps(settings: Settings, found: FieldMapFolder) -> None:
    """Remove what is saved of field maps whose files were deleted; raises FieldMapsNotSaved.

    Only for those who have just read the whole folder, and never for a run.
    """
    LastGoodFieldMaps(settings.last_good_dir).remove_retired(found.files, settings.schemas_dir)


def signing_key(settings: Settings) -> bytes:
    """Read what signing secrets are made of; raises NoSigningKey."""
    try:
        if settings.signing_key is not None:
            return bytes.fromhex(settings.signing_key.get_secret_value())
        key = read_key(settings.signing_key_file)
    except ValueError:
        raise NoSigningKey from None
    if key is None:
        raise NoSigningKey
    return key


def ensure_signing_key(settings: Settings) -> bytes:
    """Read the signing key, made now where there is none yet; raises NoSigningKey."""
    if settings.signing_key is None and read_key(settings.signing_key_file) is None:
        save_key(settings.signing_key_file, new_key())
    return signing_key(settings)


def _s3_buckets(settings: Settings) -> "S3Buckets":
    # The embedded profile never needs boto3, which is a third of the gateway's time to start.
    from alumniq_pipelines.adapters.bucket.s3 import S3Buckets, s3_client  # noqa: PLC0415

    secret = settings.s3_secret_access_key
    return S3Buckets(
        s3_client(
            endpoint_url=settings.s3_endpoint_url,
            region=settings.s3_region,
            access_key_id=settings.s3_access_key_id,
            secret_access_key=None if secret is None else secret.get_secret_value(),
        )
    )
