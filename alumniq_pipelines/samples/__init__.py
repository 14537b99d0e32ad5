"""Made-up feeds of an institution that does not exist: for the demo, tests and benchmarks."""
