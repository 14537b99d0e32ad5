"""Finding the file of a call in the customer's bucket, and what was meant if it is not there.

A name is suggested only where a file of that name is there: whoever follows the advice loads it.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from unicodedata import normalize
from urllib.parse import unquote

from alumniq_pipelines.core.feeds.did_you_mean import closest_match
from alumniq_pipelines.core.loads.bucket import (
    Bucket,
    StoredFile,
    folder_of,
    object_key,
    object_key_error,
)
from alumniq_pipelines.core.loads.rejection_report import REPORTS
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.problems.problem import OutageProblem
from alumniq_pipelines.core.problems.request import (
    FileInOtherEnvironment,
    FilenameInOtherForm,
    FileNotInBucket,
    FolderInFilename,
    RequestProblem,
    UnusableFilename,
)

MAX_HINT_CHARACTERS = 100
"""Longer names get no suggestion, because comparing takes time that is quadratic in the length."""

ADDRESS = re.compile(r"(https?|[a-z][a-z0-9+.-]*)://[^/]*/", re.IGNORECASE)
"""The beginning of `s3://BUCKET/` or of an object's web address."""

ENVIRONMENTS = {environment.value: environment for environment in Environment}
FOLDER = "warehouse"


def check_filename(bucket: Bucket, environment: Environment, filename: str) -> None:
    """Check that a filename can be one; raises UnusableFilename and FileInOtherEnvironment."""
    error = object_key_error(folder_of(environment) + filename)
    if error is None:
        return
    found = elsewhere = None
    if filename.isprintable():
        name, named = cut_folder(filename)
        with suppress(OutageProblem):  # the refusal is right without a hint as well
            if named in {None, environment}:
                found = next(
                    (
                        known
                        for known in (name, name.rpartition("/")[2])
                        if _is_there(bucket, environment, known)
                    ),
                    None,
                )
            elsewhere = None if found else _other_folder(bucket, environment, name)
    if elsewhere is not None:
        raise FileInOtherEnvironment(filename, folder_of(environment), elsewhere)
    raise UnusableFilename(error, found)


def find_file(bucket: Bucket, environment: Environment, filename: str) -> StoredFile:
    """Return the file of a name below the environment's folder.

    Raises FileNotInBucket, with what was probably meant, and what `check_filename` raises.
    """
    check_filename(bucket, environment, filename)
    stored = bucket.head(object_key(environment, filename))
    if stored is None:
        raise _missing_file(bucket, environment, filename)
    return stored


def cut_folder(filename: str) -> tuple[str, Environment | None]:
    """Return a filename without the folder in front that belongs to its key in the bucket.

    And the environment whose folder that is, if it is named.
    """
    path = filename.replace("\\", "/")
    if (address := ADDRESS.match(path)) is not None:
        path = path[address.end() :]
        if address[1].lower().startswith("http"):
            path = unquote(path.partition("?")[0])
    parts = [part for part in path.split("/") if part not in {"", "."}]
    words = [part.lower() for part in parts]
    # The bucket may be in front of the environment.
    for start, word in enumerate(words[:2]):
        if word in ENVIRONMENTS and words[start + 1 : start + 2] == [FOLDER] and words[start + 2 :]:
            return "/".join(parts[start + 2 :]), ENVIRONMENTS[word]
    if len(words) > 1 and words[0] in {FOLDER, *ENVIRONMENTS}:
        return "/".join(parts[1:]), ENVIRONMENTS.get(words[0])
    return "/".join(parts) or filename, None


def _missing_file(bucket: Bucket, environment: Environment, filename: str) -> RequestProblem:
    folder = folder_of(environment)
    name, named = cut_folder(filename)
    near: Sequence[str] = ()
    if named in {None, environment}:
        if name != filename and _is_there(bucket, environment, name):
            return FolderInFilename(filename, folder, name)
        names = _filenames(bucket, folder)
        for known in names:
            if known != name and normalize("NFC", known) == normalize("NFC", name):
                return FilenameInOtherForm(filename, folder, known)
        near = _similar_names(name, names)
    elsewhere = _other_folder(bucket, environment, name)
    if elsewhere is not None:
        return FileInOtherEnvironment(filename, folder, elsewhere)
    if name != filename:
        return FolderInFilename(filename, folder, near=near)
    return FileNotInBucket(filename, folder, near)


def _filenames(bucket: Bucket, folder: str) -> Sequence[str]:
    names = [stored.key.removeprefix(folder) for stored in bucket.list_objects(folder)]
    # Rejection reports are in the same folder, but are never what the caller means.
    return [name for name in names if not name.startswith(REPORTS)]


def _similar_names(name: str, known: Sequence[str]) -> Sequence[str]:
    """Return the one of the known names that was probably meant, if any."""
    if len(name) > MAX_HINT_CHARACTERS:
        return ()
    comparable = [other for other in known if len(other) <= MAX_HINT_CHARACTERS]
    last = name.rpartition("/")[2]
    in_other_folder = (other for other in comparable if other.rpartition("/")[2] == last)
    similar = next(in_other_folder, None) or closest_match(name, comparable)
    return () if similar is None else (similar,)


def _is_there(bucket: Bucket, environment: Environment, name: str) -> bool:
    return bucket.head(folder_of(environment) + name) is not None


def _other_folder(bucket: Bucket, environment: Environment, name: str) -> str | None:
    """Return the customer's folder of another environment that has the file; None if none has."""
    for other in Environment:
        # Our access to the bucket may end at this folder: then there is no hint.
        with suppress(OutageProblem):
            if other is not environment and _is_there(bucket, other, name):
                return folder_of(other)
    return None
