"""The warehouse, which stores published versions; one folder per engine."""
