"""Output files: written under a name of ours, then moved to the path that the user chose."""

import shutil
from pathlib import Path
from secrets import token_hex

from alumniq_pipelines.core.problems.paths import OutputNotWritable


def move_into_place(file: Path, output: Path) -> None:
    """Move a finished file to a path, whole or not at all; raises OutputNotWritable.

    So DuckDB never writes to a user's path, which it might treat as a pattern.
    """
    part = output.absolute().with_name(f".alumniq-{token_hex(4)}.part")
    try:
        shutil.move(file, part)
        part.replace(output)
    except OSError as error:
        raise OutputNotWritable(error.strerror or type(error).__name__) from None
    finally:
        part.unlink(missing_ok=True)
