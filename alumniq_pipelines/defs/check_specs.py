"""The names of the checks of every feed, and what they promise."""

import dagster as dg

SCHEMA = "schema"
KEYS = "keys"
REFERENCES = "references"
WARNINGS = "warnings"
ROW_COUNT = "row_count"
CHANGES = "changes"

DESCRIPTIONS = {
    SCHEMA: "Header, structure and every value keep to the field map.",
    KEYS: "No two rows have the same primary key.",
    REFERENCES: "Every foreign key finds its row; rows may be published whose key only warns.",
    WARNINGS: "No value breaks a rule that only warns; rows that do are published.",
    ROW_COUNT: "The number of rows is between half and twice that of the version before.",
    CHANGES: (
        "No more rows are added, changed or removed than the thresholds let pass, and no column "
        "loses all its values."
    ),
}


def check_specs(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """Announce the checks that every load of a feed answers."""
    return [
        dg.AssetCheckSpec(name, asset=key, description=description)
        for name, description in DESCRIPTIONS.items()
    ]
