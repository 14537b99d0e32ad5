"""What readers of a table see while one of its loads fails: the fact, and its sentence."""

from enum import StrEnum
from typing import assert_never


class LiveData(StrEnum):
    """Whose data is live, seen from a load that published nothing."""

    NONE = "none"
    PREVIOUS = "previous"
    OTHER = "other"


def live_data(number: int, newest: int | None) -> LiveData:
    """Compare a load's number with that of the newest version of its table, None where none is.

    After a rollback the newest version is not the live one: the sentences are true all the same.
    """
    if newest is None:
        return LiveData.NONE
    return LiveData.PREVIOUS if newest < number else LiveData.OTHER


def live_sentence(live: LiveData) -> str:
    """Return the fact as customers read it."""
    match live:
        case LiveData.NONE:
            return "No data of this feed has been published yet."
        case LiveData.PREVIOUS:
            return "Your previous data is still live."
        case LiveData.OTHER:
            return "The data of another load is live."
    assert_never(live)


def without_live_sentence(text: str) -> str:
    """Return a recorded text without what was live when it was recorded.

    A first load fails, and its errors say that nothing is published; after the second one, they
    would not be true any more.
    """
    for live in LiveData:
        before, found, after = text.partition(live_sentence(live))
        if found:
            text = " ".join(part for part in (before.rstrip(), after.lstrip()) if part)
    return text
