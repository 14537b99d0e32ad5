"""What a publication leaves in a target's folder before its pointer moves, named by its token.

    .000000017.2.part       the version, complete, of the second attempt at load 17
    .000000017.2.prepared   the new link to the live version; moving the pointer means renaming it
    .000000017.2.revoked    the mark that this attempt may not move the pointer any more

Whether a publication or its revocation came first is decided by one operation of the file system:
the link is either renamed to `live.duckdb`, or deleted. So revoking needs no lock.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shutil import move

from alumniq_pipelines.adapters.warehouse.folders import NumberedFiles
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.problems.run import AttemptOver
from alumniq_pipelines.files.disk_sync import sync
from alumniq_pipelines.files.private_files import create_file

TOKEN_FILE = re.compile(r"\.(\d{9,})\.\d+\.(part|prepared|revoked)")
OLD_PARTS = "[0-9]*.part*"
"""What an interrupted publication of an earlier release left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFiles:
    """The files of one attempt to publish a version."""

    files: NumberedFiles
    number: int
    attempt: int

    @property
    def part(self) -> Path:
        """The version, complete but not stored yet."""
        return self._path("part")

    @property
    def is_revoked(self) -> bool:
        """Whether this attempt may not publish any more."""
        return self._path("revoked").exists()

    @contextmanager
    def prepared(self, database: Path, job_id: JobId, now: datetime) -> Iterator[None]:
        """Move a version's file here, durably, with the link to it; delete both in the end.

        Raises AttemptOver if the token is revoked.
        """
        link = self._path("prepared")
        try:
            move(database, self.part)
            self.files.finish(self.part, now)
            link.unlink(missing_ok=True)
            link.symlink_to(self.files.path(self.number).name)
            sync(self.files.folder)
            # Only now: a revocation marks first and deletes the link then. So either it finds the
            # link, or we find its mark.
            if self.is_revoked:
                raise AttemptOver(job_id)
            yield
        finally:
            link.unlink(missing_ok=True)
            self.part.unlink(missing_ok=True)

    def store(self, job_id: JobId) -> None:
        """Store the version under its number, not published yet; raises AttemptOver."""
        self.files.mark_unpublished(self.number)
        self._rename(self.part, self.files.path(self.number), job_id)

    def move_pointer(self, job_id: JobId) -> None:
        """Make the version live, atomically and durably; raises AttemptOver if revoked."""
        self._rename(self._path("prepared"), self.files.link, job_id)

    def revoke(self) -> None:
        """Prevent this attempt from moving the pointer, durably; harmless to repeat."""
        create_file(self._path("revoked")).close()
        self._path("prepared").unlink(missing_ok=True)
        sync(self.files.folder)

    def _path(self, kind: str) -> Path:
        return self.files.folder / f".{self.number:09d}.{self.attempt}.{kind}"

    def _rename(self, old: Path, new: Path, job_id: JobId) -> None:
        try:
            old.replace(new)
        except FileNotFoundError:
            raise AttemptOver(job_id) from None
        sync(self.files.folder)


def clear_tokens(files: NumberedFiles, number: int, stored: Sequence[int]) -> None:
    """Delete what interrupted attempts left that cannot publish any more, now a number is live.

    The mark of a revoked attempt is needed as long as a rollback can make a lower number live.
    """
    for leftover in (*files.folder.glob(OLD_PARTS), files.link.with_suffix(".link")):
        leftover.unlink(missing_ok=True)
    for path in list(files.folder.iterdir()):
        if found := TOKEN_FILE.fullmatch(path.name):
            is_mark = found[2] == "revoked"
            if int(found[1]) < min(stored) if is_mark else int(found[1]) <= number:
                path.unlink(missing_ok=True)
