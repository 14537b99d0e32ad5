"""Made-up feeds of a fictional institution, for the demo, tests and benchmarks."""
