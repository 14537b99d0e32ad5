"""`alumniq backup` and `alumniq restore`: everything that cannot be rebuilt, in one file."""

import importlib.metadata
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alumniq_pipelines.cli.console import print_json
from alumniq_pipelines.cli.installation import ledger_of, operator
from alumniq_pipelines.core.shell import alumniq_command
from alumniq_pipelines.settings import Settings

if TYPE_CHECKING:
    from alumniq_pipelines.core.loads.backup import KeysIncluded, Manifest

File = Annotated[Path, typer.Argument(help="The backup.", show_default=False)]
Force = Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")]
WithoutKeys = Annotated[
    bool, typer.Option("--without-keys", help="Leave out signing.key and sealing.key.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

SUBJECT = "installation"
"""What the entries of the audit trail are about."""

KEEP_SAFE: "Mapping[KeysIncluded, str]" = {
    "yes": "It holds the data of all customers and the keys of this installation: keep it as "
    "secret as the installation, or make it with --without-keys and keep the keys elsewhere.",
    "left-out": "It holds the data of all customers: keep it secret. Restoring it takes the keys "
    "as well, so keep signing.key and sealing.key elsewhere.",
    "none": "It holds the data of all customers: keep it secret.",
}


def backup(
    file: File, *, force: Force = False, without_keys: WithoutKeys = False, as_json: Json = False
) -> None:
    """Back up ledger, warehouse, keys and what unfinished loads need, while everything runs.

    The file is private, and gets its name when it is complete.
    """
    from alumniq_pipelines.adapters.backup_file import create_backup
    from alumniq_pipelines.files.scratch import scratch_folder
    from alumniq_pipelines.services.backup import Backup
    from alumniq_pipelines.warehouse_wiring import open_warehouse_backup
    from alumniq_pipelines.wiring import open_archive, open_buckets

    settings = Settings()
    keys = _key_files(settings)
    with ledger_of(settings) as ledger, _progress("backup", None, quiet=as_json) as progress:
        made = Backup(
            ledger=ledger,
            warehouse=open_warehouse_backup(settings),
            archive=open_archive(settings),
            buckets=open_buckets(settings),
            keys={name: path for name, path in keys.items() if path.exists()},
            without_keys=without_keys,
            field_maps=settings.last_good_dir,
            release=importlib.metadata.version("alumniq-pipelines"),
            clock=lambda: datetime.now(UTC),
        )
        with (
            create_backup(file, progress, force=force) as into,
            scratch_folder(settings.scratch_dir / f"backup-{os.getpid()}") as scratch,
        ):
            # Before the first byte: who has copied everything is recorded whatever follows.
            detail = {"keys": not without_keys}
            ledger.audit.add(operator(), "backup", SUBJECT, datetime.now(UTC), detail=detail)
            manifest = made.write(into, scratch)
    if as_json:
        print_json({"file": str(file), "size_bytes": file.stat().st_size, **_facts(manifest)})
        return
    typer.echo(f"Backed up to {file} ({file.stat().st_size:,} bytes).")
    for name in manifest.missing:
        typer.echo(f"Note: {name} is needed by a load, and is not there.")
    typer.echo(KEEP_SAFE[manifest.keys])


def restore(file: File, *, as_json: Json = False) -> None:
    """Restore a backup into an empty place: a new data folder, empty databases.

    Reads the whole file first; nothing is restored if it is damaged or does not fit.
    """
    from alumniq_pipelines.adapters.backup_file import open_backup
    from alumniq_pipelines.adapters.ledger.ledger import Ledger
    from alumniq_pipelines.cli.home import exclusive_use
    from alumniq_pipelines.files.scratch import scratch_folder
    from alumniq_pipelines.services.restore import Restore
    from alumniq_pipelines.warehouse_wiring import open_warehouse_backup
    from alumniq_pipelines.wiring import open_archive, open_buckets, protect_data_folder

    settings = Settings()
    with (
        _progress("restore", file, quiet=as_json) as progress,
        open_backup(file, progress) as opened,
        exclusive_use(settings),
        closing(Ledger.open(settings.ledger)) as ledger,
        scratch_folder(settings.scratch_dir / f"restore-{os.getpid()}") as scratch,
    ):
        protect_data_folder(settings)
        place = Restore(
            ledger=ledger,
            ledger_name=ledger.engine.url.render_as_string(hide_password=True),
            warehouse=open_warehouse_backup(settings),
            archive=open_archive(settings),
            buckets=open_buckets(settings),
            keys=_key_files(settings),
            field_maps=settings.last_good_dir,
        )
        manifest, unwritten = place.run(opened, scratch)
        detail = {"taken_at": manifest.taken_at.isoformat()}
        ledger.audit.add(operator(), "restore", SUBJECT, datetime.now(UTC), detail=detail)
    steps = _next_steps(settings, manifest, unwritten)
    if as_json:
        facts = {**_facts(manifest), "unwritten_buckets": unwritten, "next": steps}
        print_json({"file": str(file), **facts})
        return
    typer.echo(f"Restored as of {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC. Next:")
    for number, step in enumerate(steps, 1):
        typer.echo(f"  {number}. {step}")


def _key_files(settings: Settings) -> Mapping[str, Path]:
    """Return the keys that are files of this installation; those of settings are kept elsewhere."""
    found = {}
    if settings.signing_key is None:
        found["signing.key"] = settings.signing_key_file
    if settings.encryption_key is None:
        found["sealing.key"] = settings.encryption_key_file
    return found


def _facts(manifest: "Manifest") -> Mapping[str, object]:
    """Return what programs may want to know of a backup."""
    facts = manifest.model_dump(mode="json", exclude={"members"})
    sizes = [member.size for member in manifest.members.values()]
    return {**facts, "files": len(sizes), "content_bytes": sum(sizes)}


def _next_steps(
    settings: Settings, manifest: "Manifest", unwritten: Sequence[str]
) -> Sequence[str]:
    """Return what to do after a restore, in order."""
    keys = [str(path) for path in _key_files(settings).values() if not path.exists()]
    steps = []
    if keys and manifest.keys == "left-out":
        steps.append(f"Put the keys into their places before anything starts: {', '.join(keys)}.")
    if unwritten:
        steps.append(f"Make these buckets, or allow us to write to them: {', '.join(unwritten)}.")
    if settings.ledger_url:
        steps.append(f"Make Dagster's tables: {alumniq_command('migrate')}")
    return [
        *steps,
        f"Reconcile what was published while it was made: {alumniq_command('doctor', '--repair')}",
        f"Start: {alumniq_command('up')}",
    ]


@contextmanager
def _progress(title: str, file: Path | None, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Yield a callback for bytes: a bar on stderr on a terminal. A backup is read twice."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    total = 2 * file.stat().st_size if file is not None and file.is_file() else None
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda size: bar.advance(task, size)
