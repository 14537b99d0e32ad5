"""What all hosts must have alike, as `alumniq migrate` recorded it; it reveals no key."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import select

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.host_tables import host_values


@dataclass(frozen=True)
class HostValues:
    """The recorded values by name."""

    database: Database

    def all(self) -> Mapping[str, str]:
        """Return what is recorded."""
        with self.database.reading() as connection:
            rows = connection.execute(select(host_values.c.name, host_values.c.value))
            return {row.name: row.value for row in rows}

    def record(self, values: Mapping[str, str], replaced: Collection[str] = ()) -> None:
        """Record the values that are not recorded yet, and the `replaced` ones anew."""
        statement = self.database.insert(host_values)
        with self.database.writing() as connection:
            for name, value in values.items():
                row = statement.values(name=name, value=value)
                connection.execute(
                    row.on_conflict_do_update(index_elements=["name"], set_={"value": value})
                    if name in replaced
                    else row.on_conflict_do_nothing()
                )
