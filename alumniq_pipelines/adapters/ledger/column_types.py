"""The kinds of columns that the ledger has beyond SQLAlchemy's own."""

from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, DateTime, Dialect, Enum, Integer, Text, TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """Aware times, kept in UTC on engines with time zones and without."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times: nobody could say later which zone they meant."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = "The ledger keeps aware times only."
            raise ValueError(message)
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give times back aware and in UTC, whatever zone the session has."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class SafeText(TypeDecorator[str]):
    """Text made of what others sent; characters that no engine can keep are replaced."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Replace NUL, which PostgreSQL refuses, and lone surrogates, which UTF-8 cannot say."""
        del dialect
        if value is None:
            return None
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def string_enum(kind: type[StrEnum]) -> Enum:
    """Keep an enumeration as the word it is; room for longer ones that come later."""
    return Enum(
        kind,
        values_callable=lambda members: [member.value for member in members],
        native_enum=False,
        length=20,
    )


AUTO_ID = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts rows by itself only where the type reads INTEGER."""
