"""Load the degrees that `benchmarks.references` prepared: FOLDER NAME [keys]."""

import sys
from pathlib import Path

from benchmarks.references import load_degrees

if __name__ == "__main__":
    load_degrees(Path(sys.argv[1]), sys.argv[2], has_keys="keys" in sys.argv[3:])
