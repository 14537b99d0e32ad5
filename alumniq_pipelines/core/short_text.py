"""Cutting texts that may be of any length, where people read them."""


def truncate(text: str, limit: int) -> str:
    """Return a text of at most so many characters; one that was cut ends in an ellipsis."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
