"""Near misses: the known word that was probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches


def closest_match(word: str, known: Iterable[str]) -> str | None:
    """Find the known word closest to `word`, blind to case and separators; None if far off."""
    by_fold = {_fold(candidate): candidate for candidate in known}
    match = get_close_matches(_fold(word), by_fold, n=1, cutoff=0.6)
    return by_fold[match[0]] if match else None


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """Ask for the near miss as the last clause of a sentence, else close with `otherwise`."""
    match = closest_match(word, known)
    return f"did you mean `{match}`?" if match else otherwise


def _fold(word: str) -> str:
    return "".join(word.casefold().replace("-", " ").replace("_", " ").split())
