"""`alumniq backup` and `alumniq restore`: what they refuse, and what an interruption leaves."""

import json
import shutil
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from typer.testing import CliRunner

from alumniq_pipelines.adapters.backup_file import create_backup
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.revision import revision_of
from alumniq_pipelines.adapters.ledger.schema_upgrade import alembic_config
from alumniq_pipelines.adapters.ledger.snapshot import LAYOUT, engine_of, take_snapshot
from alumniq_pipelines.adapters.ledger.tables import REVISION
from alumniq_pipelines.cli.main import app
from alumniq_pipelines.core.loads.backup import FORMAT, MANIFEST, Manifest
from alumniq_pipelines.core.loads.load import JobId, LoadRequest, new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.warehouse_wiring import open_warehouse
from alumniq_pipelines.wiring import ensure_signing_key, open_cipher
from tests.accepted_rows import batch, small_field_map
from tests.servers.postgres import PostgresServer

MEMBERS = Target("iqu", Environment.QA, "members")
OLDER = "0016"


@dataclass
class Places:
    """Where the commands work: each place has a data folder, and databases of a server."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    server: PostgresServer | None = None

    @property
    def file(self) -> Path:
        """The backup."""
        return self.folder / "the.backup"

    def go_to(self, name: str) -> Settings:
        """Use another place."""
        self.monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(self.folder / name))
        if self.server is not None:
            self.monkeypatch.setenv("ALUMNIQ_WAREHOUSE", "postgres")
            for setting in ("ALUMNIQ_LEDGER_URL", "ALUMNIQ_WAREHOUSE_URL"):
                self.monkeypatch.setenv(setting, self.server.url(self.server.create()))
        return Settings()


@pytest.fixture(params=["embedded", "server"])
def places(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Places:
    server = request.getfixturevalue("postgres_server") if request.param == "server" else None
    made = Places(tmp_path, monkeypatch, server)
    use(made.go_to("here"), tmp_path)
    return made


@pytest.fixture
def embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    made = Places(tmp_path, monkeypatch)
    use(made.go_to("here"), tmp_path)
    return made


def use(settings: Settings, scratch: Path) -> None:
    """Make an installation with a customer, a key of each kind, a load and its version."""
    with closing(Ledger.open(settings.ledger)) as ledger:
        ledger.migrate()
    alumniq("customer", "add", "iqu", "--name", "IQU")
    ensure_signing_key(settings)
    open_cipher(settings)
    with closing(Ledger.open(settings.ledger)) as ledger:
        request = LoadRequest(new_job_id(), MEMBERS, "m.csv", "e1", 9, "a@example.org")
        load = ledger.loads.accept(request, datetime.now(UTC))
    publish(settings, scratch, load.number, load.job_id)


def publish(settings: Settings, scratch: Path, number: int, job_id: JobId) -> None:
    """Publish a version."""
    open_warehouse(settings).publish(
        MEMBERS,
        small_field_map("members"),
        batch(scratch, number, count=10),
        number=number,
        job_id=job_id,
        now=datetime.now(UTC),
    )


def alumniq(*words: str, code: int = 0) -> str:
    """Run a command, and return what it prints."""
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, f"{words}: {result.output}{result.exception!r}"
    return result.output


def alumniq_json(*words: str) -> Any:
    """Run a command, and return the JSON that it prints."""
    return json.loads(alumniq(*words, "--json"))


def content_of(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder but those that every command makes."""
    made = {"up.lock"}
    return {
        str(path): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in made
    }


def test_what_is_restored_is_private_and_the_same(places: Places) -> None:
    here = Settings()
    made = alumniq_json("backup", str(places.file))
    assert made["keys"] == "yes"
    assert places.file.stat().st_mode & 0o777 == 0o600
    there = places.go_to("there")
    alumniq("restore", str(places.file))
    for key in ("signing.key", "sealing.key"):
        assert (there.home / key).read_bytes() == (here.home / key).read_bytes()
    shared = [path for path in there.home.rglob("*") if path.lstat().st_mode & 0o077]
    assert [path for path in shared if not path.is_symlink()] == []
    [customer] = alumniq_json("customer", "list")
    assert customer["id"] == "iqu"
    assert open_warehouse(there).live(MEMBERS) is not None


def test_a_ledger_goes_on_counting_where_it_was(places: Places) -> None:
    alumniq("backup", str(places.file))
    there = places.go_to("there")
    alumniq("restore", str(places.file))
    with closing(Ledger.open(there.ledger)) as ledger:
        request = LoadRequest(new_job_id(), MEMBERS, "m.csv", "e1", 9, "a@example.org")
        assert ledger.loads.accept(request, datetime.now(UTC)).number == 2


def test_both_commands_are_in_the_audit_trail(places: Places) -> None:
    alumniq("backup", str(places.file), "--without-keys")
    there = places.go_to("there")
    alumniq("restore", str(places.file))
    with closing(Ledger.open(there.ledger)) as ledger:
        for action in ("backup", "restore"):
            [entry] = ledger.audit.entries(action, after=0, limit=10)
            assert entry.subject == "installation"


def test_keys_are_left_out_on_request_and_the_restore_says_where_to_put_them(
    places: Places,
) -> None:
    here = Settings()
    output = alumniq("backup", str(places.file), "--without-keys")
    assert "keep signing.key and sealing.key elsewhere" in output
    there = places.go_to("there")
    steps = alumniq("restore", str(places.file))
    assert f"1. Put the keys into their places before anything starts: {there.home}" in steps
    assert not (there.home / "signing.key").exists()
    assert (here.home / "signing.key").exists()


def test_a_place_with_another_ledger_is_refused_and_stays_as_it_is(places: Places) -> None:
    alumniq("backup", str(places.file))
    there = places.go_to("there")
    with closing(Ledger.open(there.ledger)) as ledger:
        ledger.migrate()
    before = content_of(there.home)
    message = alumniq("restore", str(places.file), code=2)
    assert "into an empty place only, and there is a ledger (" in message
    assert content_of(there.home) == before


def test_a_place_with_another_warehouse_is_refused_and_stays_as_it_is(
    places: Places, tmp_path: Path
) -> None:
    alumniq("backup", str(places.file))
    there = places.go_to("there")
    publish(there, tmp_path, 1, JobId("OTHER"))
    message = alumniq("restore", str(places.file), code=2)
    assert "there is a warehouse (" in message
    [version] = open_warehouse(there).versions(MEMBERS)
    assert version.job_id == "OTHER"


def test_another_key_is_never_replaced(embedded: Places) -> None:
    alumniq("backup", str(embedded.file))
    there = embedded.go_to("there")
    ensure_signing_key(there)
    before = (there.home / "signing.key").read_bytes()
    message = alumniq("restore", str(embedded.file), code=2)
    assert f"another key ({there.home / 'signing.key'})" in message
    assert (there.home / "signing.key").read_bytes() == before


def test_a_damaged_backup_restores_nothing(embedded: Places) -> None:
    alumniq("backup", str(embedded.file))
    content = bytearray(embedded.file.read_bytes())
    content[len(content) // 2] ^= 1
    embedded.file.write_bytes(content)
    there = embedded.go_to("there")
    message = alumniq("restore", str(embedded.file), code=2)
    assert "cannot be restored" in message
    assert content_of(there.home) == {}


def test_a_backup_of_another_engine_is_refused(
    embedded: Places, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alumniq("backup", str(embedded.file))
    embedded.go_to("there")
    with monkeypatch.context() as changed:
        changed.setenv("ALUMNIQ_LEDGER_URL", postgres_url)
        message = alumniq("restore", str(embedded.file), code=2)
    assert "The backup needs sqlite, and ALUMNIQ_LEDGER_URL says postgresql." in message
    monkeypatch.setenv("ALUMNIQ_WAREHOUSE", "postgres")
    monkeypatch.setenv("ALUMNIQ_WAREHOUSE_URL", postgres_url)
    message = alumniq("restore", str(embedded.file), code=2)
    assert "The backup needs duckdb, and ALUMNIQ_WAREHOUSE says postgres." in message


def test_an_interrupted_restore_leaves_nothing_that_looks_complete_and_can_be_begun_again(
    places: Places,
) -> None:
    """The archive, which comes after the warehouse and before the ledger, cannot be written."""
    archived = Settings().archive_dir / "received"
    archived.mkdir(parents=True)
    [version] = open_warehouse(Settings()).versions(MEMBERS)
    (archived / version.sha256).write_text("xid,batch\n", encoding="utf-8")
    alumniq("backup", str(places.file))
    there = places.go_to("there")
    there.home.mkdir()
    there.archive_dir.touch()
    alumniq("restore", str(places.file), code=2)
    refusal = "A restore into this place has begun and has not ended."
    for words in (["customer", "list"], ["migrate"], ["backup", "x"]):
        assert refusal in alumniq(*words, code=2)
    assert refusal in alumniq("doctor", code=1)
    there.archive_dir.unlink()
    message = alumniq("restore", str(places.file), code=2)
    assert "there is a warehouse (" in message
    assert "a ledger" not in message

    remove_warehouse(there, places)
    alumniq("restore", str(places.file))
    assert alumniq_json("customer", "list")[0]["id"] == "iqu"
    assert (there.archive_dir / "received" / version.sha256).exists()


def remove_warehouse(settings: Settings, places: Places) -> None:
    """Remove what the restore has named."""
    if settings.warehouse == "duckdb":
        shutil.rmtree(settings.warehouse_dir)
        return
    assert places.server is not None
    assert settings.warehouse_url is not None
    database = settings.warehouse_url.get_secret_value().partition("?")[0].rpartition("/")[2]
    with places.server.connect(database) as connection:
        connection.execute("drop schema iqu_qa, iqu_qa_versions cascade")


def test_a_backup_of_an_earlier_release_is_upgraded(places: Places, tmp_path: Path) -> None:
    write_backup(places.file, tmp_path, OLDER)
    there = places.go_to("there")
    alumniq("restore", str(places.file))
    with closing(Ledger.open(there.ledger)) as ledger:
        ledger.check_revision()
        [load] = ledger.loads.find()
        assert load.target == MEMBERS
        assert set(ledger.host_values.all()) == {"tables-usable-since"}


def test_a_backup_of_a_newer_release_is_refused(places: Places, tmp_path: Path) -> None:
    write_backup(places.file, tmp_path, "9999")
    there = places.go_to("there")
    message = alumniq("restore", str(places.file), code=2)
    assert f"its ledger is at revision 9999, and this release knows {REVISION}." in message
    with closing(Ledger.open(there.ledger)) as ledger:
        assert not ledger.database.exists() or revision(ledger) is None


def revision(ledger: Ledger) -> str | None:
    """Return the revision of a ledger."""
    with ledger.database.reading() as connection:
        return revision_of(connection)


def write_backup(file: Path, scratch: Path, made_at: str) -> None:
    """Write a backup of this ledger as another release would have: at its own revision."""
    settings = Settings()
    with (
        closing(Ledger.open(settings.ledger)) as ledger,
        create_backup(file, lambda _: None, force=False) as into,
    ):
        snapshot = take_snapshot(ledger.database, scratch / "ledger")
        if made_at == OLDER:
            make_older(scratch / "ledger")
        for path in snapshot.files:
            with path.open("rb") as content:
                into.add_file(f"ledger/{path.name}", content)
        manifest = Manifest(
            format=FORMAT,
            release="0.0.9",
            revision=made_at,
            taken_at=datetime.now(UTC),
            ledger=engine_of(ledger.database),
            warehouse=settings.warehouse,
            keys="none",
            missing=(),
            members=into.members,
        )
        into.add_bytes(MANIFEST, manifest.model_dump_json().encode())


def make_older(folder: Path) -> None:
    """Take from a copied ledger what the newest revision has added."""
    layout = folder / LAYOUT
    if layout.exists():
        added = {"host_values"}
        tables = [entry for entry in json.loads(layout.read_bytes()) if entry["table"] not in added]
        layout.write_text(json.dumps(tables), encoding="utf-8")
        return
    with closing(Ledger.open(f"sqlite:///{folder / 'ledger.db'}")) as copy:
        with copy.database.writing() as connection:
            command.downgrade(alembic_config(connection), OLDER)
        with copy.database.reading() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
