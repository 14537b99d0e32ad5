"""Output files: written under a name of ours, then moved to the one that somebody chose."""

import shutil
from pathlib import Path
from secrets import token_hex

from alumniq_pipelines.core.problems.paths import OutputNotWritable


def move_into_place(file: Path, output: Path) -> None:
    """Move a finished file to a path, whole or not at all; raises OutputNotWritable.

    So no database is given a name that it might take for a pattern.
    """
    part = output.absolute().with_name(f".alumniq-{token_hex(4)}.part")
    try:
        shutil.move(file, part)
        part.replace(output)
    except OSError as error:
        raise OutputNotWritable(error.strerror or type(error).__name__) from None
    finally:
        part.unlink(missing_ok=True)
