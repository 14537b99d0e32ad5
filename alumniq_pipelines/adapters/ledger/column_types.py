"""Column types of the ledger beyond SQLAlchemy's own."""

from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, DateTime, Dialect, Enum, Integer, Text, TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """Times with a time zone, stored in UTC on engines with time zones and without."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC; raise ValueError for a naive time, whose time zone would be unknown."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = "The ledger only stores times with a time zone."
            raise ValueError(message)
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return times in UTC, whatever time zone the session has."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class SafeText(TypeDecorator[str]):
    """Text that contains what others sent; characters that no engine can store are replaced."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Replace NUL, which PostgreSQL refuses, and lone surrogates, which UTF-8 cannot encode."""
        del dialect
        if value is None:
            return None
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def string_enum(kind: type[StrEnum]) -> Enum:
    """Return a column type that stores an enumeration as text, wide enough for later members."""
    return Enum(
        kind,
        values_callable=lambda members: [member.value for member in members],
        native_enum=False,
        length=20,
    )


AUTO_ID = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows automatically only if the type is spelled INTEGER."""
