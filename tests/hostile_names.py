"""Names that people may give a file or a folder, and that a database takes for something else."""

import os

PLAIN_NAMES = (
    "a[bc]",
    "a[!x]c",
    "a*",
    "a**b",
    "{ab,ac}",
    "o'neil",
    'the "new" one',
    "semi;colon",
    "line\nend",
    "100%25",
    "c0=7",
    "~ab",
    "-ab",
    "s3:ab",
    "#ab",
    "größe",
)
"""What may be in the name of a folder that we keep databases in, too."""

REFUSED_NAMES = ("a?c", "back\\slash", os.fsdecode(b"\xff"))
"""What databases cannot be opened below; a file that is checked may be called that."""

ENDINGS = (".csv", ".csv.gz", ".zst", ".parquet", "")

DECOYS = ("ab", "ac", "axc", "abc")
"""What patterns among the names above would find instead."""
