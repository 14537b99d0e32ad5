"""Names of files and folders that people may choose and a database could misread."""

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
"""What the name of a folder for databases may contain, too."""

REFUSED_NAMES = ("a?c", "back\\slash", os.fsdecode(b"\xff"))
"""Folders below which databases cannot be opened; a file to check may have such a name."""

ENDINGS = (".csv", ".csv.gz", ".zst", ".parquet", "")

DECOYS = ("ab", "ac", "axc", "abc")
"""What the patterns among the names above would match instead."""
