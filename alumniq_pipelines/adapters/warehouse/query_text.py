"""The check of a query's text before a database parses it."""

from collections.abc import Sequence

from alumniq_pipelines.core.problems.command import UnusableQuery


def check_text(sql: str, tables: Sequence[str]) -> None:
    """Raise UnusableQuery for text that was decoded from bytes that are not UTF-8."""
    try:
        sql.encode()
    except UnicodeEncodeError as error:
        reason = f"The query is not UTF-8 (character {error.start + 1})."
        raise UnusableQuery(reason, tables) from None
