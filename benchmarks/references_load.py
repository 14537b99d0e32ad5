"""Load the degrees that `benchmarks.references` prepared: FOLDER NAME [keys]."""

import sys
from pathlib import Path

from benchmarks.references import degrees_of

if __name__ == "__main__":
    degrees_of(Path(sys.argv[1]), sys.argv[2], has_keys="keys" in sys.argv[3:])
