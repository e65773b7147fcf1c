"""Data files of raybench: suites."""
