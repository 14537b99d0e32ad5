"""A fault of a field map: where in the document it is, what it is and how to fix it."""

from dataclasses import dataclass

Path = tuple[str | int, ...]
"""The way from the top of a document to one of its values: keys, and positions in lists."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `message` names the last key of `path` itself; `where` names what is around."""

    path: Path
    message: str

    def where(self, document: object) -> str:
        """Return the field and keys of `document` that the fault is under; empty at its top."""
        keys = list(self.path)
        while keys and isinstance(keys[-1], int):
            keys.pop()
        keys = keys[:-1]
        words = []
        match self.path:
            case ("schema", "fields", int(index), *_):
                words.append(_field(document, index))
                keys = keys[3:]
        dotted = ".".join(str(key) if isinstance(key, str) else str(key + 1) for key in keys)
        return ", ".join([*words, *([f"`{dotted}`"] if dotted else [])])


def last_key(path: Path) -> str:
    """Return the last key on a path, which may lead on into a list."""
    return next((step for step in reversed(path) if isinstance(step, str)), "document")


def _field(document: object, index: int) -> str:
    """Return a column's name, or its position where it has none."""
    match document:
        case {"schema": {"fields": fields}} if isinstance(fields[index], dict):
            name = fields[index].get("name")
            if isinstance(name, str):
                return f"field `{name}`"
    return f"field no. {index + 1}"
