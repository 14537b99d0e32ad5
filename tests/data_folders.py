"""A data folder that every adapter has written to."""

import asyncio
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path

from alumniq_pipelines.adapters.archive import FolderArchive
from alumniq_pipelines.adapters.data_folder import protect
from alumniq_pipelines.adapters.encryption import SecretCipher
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.notifiers.mail import FolderTransport
from alumniq_pipelines.adapters.signing_key import save_key
from alumniq_pipelines.adapters.worker_locks import FileLeases
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.warehouse_wiring import open_warehouse
from alumniq_pipelines.wiring import open_buckets
from tests.warehouse_processes import publish_next


def fill(home: Path, group: str = "") -> Settings:
    """Write to the data folder with every adapter that does so."""
    settings = Settings(data_dir=home, warehouse_group=group)
    file = home.with_name("delivered.csv")
    file.write_text("xid\n1\n")
    with closing(Ledger.open(settings.ledger)) as ledger:
        ledger.migrate()
    open_buckets(settings).create("iqu-feeds").put("qa/warehouse/2026/a.csv", file)
    FolderArchive(settings.archive_dir).put("files/0", file)
    asyncio.run(FolderTransport(settings.mail_dir).send("1", EmailMessage()))
    SecretCipher.from_file(settings.encryption_key_file)
    save_key(settings.signing_key_file, b"key")
    with FileLeases(settings.workers_dir).hold("run"):
        pass
    publish_next(open_warehouse(settings), home.parent)
    return settings


def restrict_permissions(home: Path) -> None:
    """Restrict the permissions of a data folder, as a program does at its start."""
    protect(home, None, warehouse="warehouse", buckets="buckets")
