"""The names and descriptions of the checks that every feed has."""

import dagster as dg

SCHEMA = "schema"
KEYS = "keys"
REFERENCES = "references"
WARNINGS = "warnings"
ROW_COUNT = "row_count"
CHANGES = "changes"

DESCRIPTIONS = {
    SCHEMA: "The header, the structure and every value follow the field map.",
    KEYS: "No two rows have the same primary key.",
    REFERENCES: "Every foreign key matches a row. Keys that only warn do not stop their rows.",
    WARNINGS: "No value breaks a rule that only warns. Such rows are published anyway.",
    ROW_COUNT: "The number of rows is between half and twice that of the previous version.",
    CHANGES: (
        "No more rows are added, changed or removed than the thresholds allow, and no column loses "
        "all its values."
    ),
}


def check_specs(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """Return the specs of the checks that every load of a feed evaluates."""
    return [
        dg.AssetCheckSpec(name, asset=key, description=description)
        for name, description in DESCRIPTIONS.items()
    ]
