"""Data files of raybench: results."""
