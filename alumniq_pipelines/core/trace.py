"""The origin of an unexpected fault, without its text."""

import traceback
from collections.abc import Iterator


def trace_of(fault: BaseException) -> str:
    """Return the frames and classes of a fault and of those that led to it, the first one first.

    Never their texts, which may contain what a customer sent.
    """
    return "".join(_parts(fault))


def _parts(fault: BaseException) -> Iterator[str]:
    earlier = fault.__cause__ or (None if fault.__suppress_context__ else fault.__context__)
    if earlier is not None:
        yield from _parts(earlier)
    yield from traceback.format_tb(fault.__traceback__)
    yield f"{type(fault).__module__}.{type(fault).__qualname__}\n"
