"""A folder of small field maps, and their saved copies."""

from pathlib import Path

from alumniq_pipelines.adapters.field_maps import FieldMapFolder
from alumniq_pipelines.adapters.last_good_field_maps import LastGoodFieldMaps


def field_map(name: str, job: str = "", refers_to: str = "", key: str = "xid") -> str:
    """Return a valid field map."""
    foreign = f"[{{fields: [xid], reference: {{resource: {refers_to}, fields: [xid]}}}}]"
    return (
        f"name: {name}\npath: x.csv\nalumniq:\n  job: {job or name}\nschema:\n"
        f"  primaryKey: [{key}]\n  foreignKeys: {foreign if refers_to else '[]'}\n"
        f"  fields: [{{name: xid}}, {{name: term}}]\n"
    )


def write(folder: Path, feed: str, text: str) -> Path:
    """Write the file of a feed."""
    path = folder / f"{feed}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def read(schemas: Path) -> FieldMapFolder:
    """Read a folder, with the copies as a fallback."""
    return copies(schemas).read_schemas(schemas)


def copies(schemas: Path) -> LastGoodFieldMaps:
    """Return the copies of a folder's field maps."""
    return LastGoodFieldMaps(schemas.parent / "field-maps")


def save_good(schemas: Path) -> None:
    """Save valid field maps and remove copies of deleted ones, as a gateway does at its start."""
    found = read(schemas)
    copies(schemas).save(found.good)
    copies(schemas).remove_retired(found.files, schemas)
