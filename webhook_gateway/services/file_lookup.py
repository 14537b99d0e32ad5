"""Finding the file of a call in the customer's bucket, and what was meant if it is not there.

A name is suggested only where a file of that name is there: whoever follows the advice loads it.
Where none is, the advice is to upload it first.
"""

import re
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from unicodedata import normalize
from urllib.parse import unquote

from alumniq_pipelines.core.feeds.did_you_mean import closest_match
from alumniq_pipelines.core.loads.bucket import (
    FOLDER,
    MAX_LISTED,
    Bucket,
    StoredFile,
    folder_of,
    object_key_error,
)
from alumniq_pipelines.core.loads.file_names import unseen_in, visible_name
from alumniq_pipelines.core.loads.rejection_report import REPORTS
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.problems.filename import FileHint, FileNotInBucket, UnusableFilename
from alumniq_pipelines.core.problems.problem import OutageProblem
from alumniq_pipelines.core.problems.request import RequestProblem

MAX_HINT_CHARACTERS = 100
"""Longer names get no suggestion, because comparing takes time that is quadratic in the length."""

MAX_HINT_THREADS = 16
"""Twice as many as the calls that look into one bucket. While all hang, refusals have no hint."""

ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://[^/]*/", re.IGNORECASE)
"""The beginning of `s3://BUCKET/` or of an object's web address."""

ENVIRONMENTS = {environment.value: environment for environment in Environment}


@dataclass(frozen=True, slots=True)
class FileLookup:
    """Finds files. What was meant by a wrong name is looked for in threads, for a limited time."""

    hint_seconds: float = 3.0
    """How long a refusal may wait for a hint. A store that hangs takes 24 s for each question."""

    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(MAX_HINT_THREADS, "file-hint"),
        init=False,
        repr=False,
    )
    _late: dict[Bucket, Future[FileHint]] = field(default_factory=dict, init=False, repr=False)
    """The last search in each bucket that was not over in time: until it is, no other begins."""

    def find(self, bucket: Bucket, environment: Environment, filename: str) -> StoredFile:
        """Return the file of a name below the environment's folder.

        Raises UnusableFilename and FileNotInBucket, both with what was probably meant.
        """
        key = folder_of(environment) + filename
        error = object_key_error(key)
        if error is not None:
            raise UnusableFilename(error, self._hint(bucket, environment, filename))
        stored = bucket.head(key)
        if stored is None:
            raise FileNotInBucket(filename, self._hint(bucket, environment, filename))
        return stored

    def _hint(self, bucket: Bucket, environment: Environment, filename: str) -> FileHint:
        """Return what was probably meant, or only what is plain from the name if time is up."""
        name, named = cut_folder(filename)
        unseen, is_root = unseen_in(filename), is_delivery_folder(filename)
        hint = FileHint(
            folder=folder_of(environment),
            name=filename if is_root else (visible_name(name) or name) if unseen else name,
            sent_unseen=unseen,
            is_folder=is_root,
            named=folder_of(named) if named and named is not environment else None,
        )
        # Rejection reports are in the same folder, but are never what the caller means.
        if hint.name.startswith(REPORTS):
            return hint
        if (late := self._late.get(bucket)) is not None and not late.done():
            return hint
        search = self._threads.submit(_search, bucket, hint, is_cut=hint.name != filename)
        try:
            return search.result(self.hint_seconds)
        except TimeoutError:
            if not search.cancel():
                self._late[bucket] = search
            return hint


def cut_folder(filename: str) -> tuple[str, Environment | None]:
    """Return a filename without the folder in front that belongs to its key in the bucket.

    And the environment whose folder that is, if it is named.
    """
    parts = _parts(filename)
    words = [part.lower() for part in parts]
    # The bucket may be in front of the environment.
    for start, word in enumerate(words[:2]):
        if word in ENVIRONMENTS and words[start + 1 : start + 2] == [FOLDER] and words[start + 2 :]:
            return "/".join(parts[start + 2 :]), ENVIRONMENTS[word]
    if len(words) > 1 and words[0] in {FOLDER, *ENVIRONMENTS}:
        return "/".join(parts[1:]), ENVIRONMENTS.get(words[0])
    return "/".join(parts) or filename, None


def is_delivery_folder(filename: str) -> bool:
    """Whether a filename is that of the folder which files are delivered to, and of no file."""
    words = [part.lower() for part in _parts(filename)]
    if words == [FOLDER]:
        return filename.lower() != FOLDER  # a file may be called that
    # The bucket may be in front of the environment.
    return words[-1:] == [FOLDER] and len(words) in {2, 3} and words[-2] in ENVIRONMENTS


def _parts(filename: str) -> list[str]:
    """Return the parts of a path, of one in an address as well."""
    path = filename.replace("\\", "/")
    if (address := ADDRESS.match(path)) is not None:
        path = path[address.end() :]
        if address[1].lower().startswith("http"):
            path = unquote(path.partition("?")[0])
    return [part for part in path.split("/") if part not in {"", "."}]


def _search(bucket: Bucket, hint: FileHint, *, is_cut: bool) -> FileHint:
    """Return a hint with what is there: in the key's own folder, and in the other environment's.

    An outage ends the search, because the refusal is right without a hint as well. A name from
    which nothing was cut is known not to be in its own folder.
    """
    with suppress(OutageProblem):
        if is_cut and not hint.is_folder and is_there(bucket, hint.folder + hint.name):
            hint = replace(hint, found=hint.name)
        else:
            hint = _with_similar_names(hint, bucket.list_objects(hint.folder, MAX_LISTED))
        is_known = hint.found or hint.found_unseen or hint.is_folder
        if not is_known or (hint.named is not None and not hint.is_folder):
            for other in map(folder_of, Environment):
                if other != hint.folder and is_there(bucket, other + hint.name):
                    hint = replace(hint, elsewhere=other)
    return hint


def is_there(bucket: Bucket, key: str) -> bool:
    """Whether there is an object of a key, also one that cannot be read as it is stored."""
    try:
        return bucket.head(key) is not None
    except RequestProblem:
        return True


def _with_similar_names(hint: FileHint, listed: Iterable[StoredFile]) -> FileHint:
    """Return a hint with the one name that looks the same, a folder, or names that come close."""
    there = {stored.key.removeprefix(hint.folder): stored for stored in listed}
    there = {name: stored for name, stored in there.items() if not name.startswith(REPORTS)}
    # Others cannot be sent.
    files = {n: stored for n, stored in there.items() if object_key_error(stored.key) is None}
    for name in files:
        if normalize("NFC", name) == normalize("NFC", hint.name):
            return replace(hint, found=name)
    for name in there:
        if unseen_in(name) and visible_name(name) == visible_name(hint.name):
            return replace(
                hint, found=name if name in files else None, found_unseen=unseen_in(name)
            )
    prefix = "" if hint.is_folder else f"{hint.name}/"
    inside = [name for name in files if name.startswith(prefix) and not unseen_in(name)]
    if hint.is_folder or inside:
        newest = max(inside, key=lambda name: files[name].modified_at, default=None)
        return replace(hint, is_folder=True, inside=newest)
    return _with_near_names(hint, files)


def _with_near_names(hint: FileHint, files: Mapping[str, StoredFile]) -> FileHint:
    """Return a hint with up to two names that come close.

    Of the files in the same folder the closest one; of those in other folders the newest one of the
    same name, because they are often of one month or year each.
    """
    # Whoever names the other environment does not mean a similar file of this one.
    if hint.named is not None or len(hint.name) > MAX_HINT_CHARACTERS:
        return hint
    # A suggestion must be one that can be copied from a message.
    names = [name for name in files if len(name) <= MAX_HINT_CHARACTERS and not unseen_in(name)]
    folder, slash, last = hint.name.rpartition("/")
    beside = [name.rpartition("/")[2] for name in names if name.rpartition("/")[0] == folder]
    closest = closest_match(last, beside)
    near = [] if closest is None else [f"{folder}{slash}{closest}"]
    same = [name for name in names if name.rpartition("/")[2] == last]
    near += sorted(same, key=lambda name: files[name].modified_at)[-1:]
    if not near and (anywhere := closest_match(hint.name, names)) is not None:
        near = [anywhere]
    return replace(hint, near=tuple(near))
